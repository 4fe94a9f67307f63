"""Masked convolution in raster order."""

import tensorflow as tf

from tfp_cinc.bijectors.causal_conv2d import CausalConv2D, causal_variables
from tfp_cinc.internal.shapes import check_sizes
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.matrices import InvertibleMatrix

__all__ = ['AutoregressiveConv2D', 'trainable_autoregressive_conv2d']


class AutoregressiveConv2D(CausalConv2D):
  """A k x k convolution with a raster-order mask.

  With 'top_left' padding each pixel sees itself, the (k - 1) / 2 pixels to its
  left, and the (k - 1) / 2 rows above it, up to (k - 1) / 2 columns to either
  side. The matrix of the convolution is block lower triangular. Each block on
  its diagonal is the C x C matrix at the center of the kernel, which multiplies
  the pixel itself.

  ```
  forward(x) = conv2d(x, masked kernel) + bias
  inverse(y) = causal_conv2d_solve(y - bias, kernel, lookahead=(k - 1) / 2)
  forward_log_det_jacobian(x) = H * W * log|det diagonal_block|
  ```

  `x` is [..., H, W, C]. Forward costs H * W * (k^2 + 1) / 2 * C^2. The inverse
  is exact and costs two or three times as much.

  #### Example

  >>> layer = trainable_autoregressive_conv2d(channels=4, seed=1)
  >>> x = tf.random.normal([2, 8, 8, 4])
  >>> y = layer.forward(x)
  >>> bool(tf.reduce_max(abs(layer.inverse(tf.identity(y)) - x)) < 1e-5)
  True

  #### References

  Kingma et al. 2016, [Improved Variational Inference with Inverse
  Autoregressive Flow](https://arxiv.org/abs/1606.04934), section 4; Nagar,
  Dufraisse and Varma 2021, [CInC Flow](https://arxiv.org/abs/2107.01358), the
  middle row of the poster, with the same (k^2 + 1) / 2 * C^2 parameters as this
  layer with `diagonal_block='plu'`.
  """

  def __init__(
    self,
    taps: TensorLike,
    diagonal_block: InvertibleMatrix,
    bias: TensorLike | None = None,
    *,
    padding: str = 'top_left',
    solve_dtype: DTypeLike | None = None,
    solve_matrices: tf.Tensor | None = None,
    validate_args: bool = False,
    name: str = 'autoregressive_conv2d',
  ):
    """Creates the layer.

    Args:
      taps: Floating `Tensor` or `Variable` [(k*k - 1) / 2, C, C]: the C x C
        blocks of the kernel before its center, in raster order. Each maps input
        channels to output channels.
      diagonal_block: The `InvertibleMatrix` [C, C] at the center of the kernel.
      bias: Floating `Tensor` or `Variable` [C], or None.
      padding: Padded sides of the image: 'top_left', 'top_right', 'bottom_left'
        or 'bottom_right'. Raster order starts in this corner.
      solve_dtype: As in `CInCConv2D`.
      solve_matrices: As in `CInCConv2D`.
      validate_args: As in `CInCConv2D`.
      name: Name of the layer.

    Raises:
      ValueError: If a shape does not match those above, or `padding` is
        unknown.
    """
    parameters = dict(locals())
    super().__init__(
      taps,
      diagonal_block,
      bias,
      padding,
      1,
      solve_dtype,
      solve_matrices,
      validate_args,
      name,
      parameters=parameters,
    )

  @staticmethod
  def _geometry(taps_shape, channels):
    if taps_shape.rank == 3 and taps_shape[1:] == [channels, channels]:
      size = round((2 * taps_shape[0] + 1) ** 0.5)
      if size % 2 and size * size == 2 * taps_shape[0] + 1:
        return [(size + 1) // 2, size], (size - 1) // 2
    raise ValueError(
      f'`taps` has shape {taps_shape}; with a diagonal block of {channels} '
      f'channels it must be [(k*k - 1) / 2, {channels}, {channels}] for an odd '
      'k.'
    )


def trainable_autoregressive_conv2d(
  channels: int,
  kernel_size: int = 3,
  *,
  padding: str = 'top_left',
  diagonal_block: str = 'triangular',
  use_bias: bool = False,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'autoregressive_conv2d',
) -> AutoregressiveConv2D:
  """Returns a trainable `AutoregressiveConv2D`, close to the identity.

  Args:
    channels: Number of channels, C.
    kernel_size: Rows and columns of the kernel, k, an odd integer.
    padding: As in `AutoregressiveConv2D`.
    diagonal_block: Form of the matrix at the center of the kernel; see
      `trainable_cinc_conv2d`.
    use_bias: Whether the layer has a bias.
    seed: Seed of the initial kernel. None draws a new one.
    dtype: Floating dtype.
    name: Name of the layer.

  Returns:
    `AutoregressiveConv2D`.

  Raises:
    ValueError: If `channels` or `kernel_size` is less than 1, `kernel_size` is
      even, or `diagonal_block` or `padding` is unknown.
  """
  check_sizes(channels=channels, kernel_size=kernel_size)
  if kernel_size % 2 == 0:
    raise ValueError(
      f'`kernel_size` is {kernel_size}; it must be odd, so that the kernel has '
      'a center.'
    )
  with tf.name_scope(name):
    variables = causal_variables(
      channels,
      kernel_size,
      (kernel_size**2 - 1) // 2,
      diagonal_block=diagonal_block,
      use_bias=use_bias,
      seed=seed,
      dtype=dtype,
    )
  return AutoregressiveConv2D(**variables, padding=padding, name=name)
