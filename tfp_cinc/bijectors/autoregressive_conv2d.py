"""The raster-order masked convolution."""

import tensorflow as tf

from tfp_cinc.bijectors.causal_conv2d import CausalConv2D, causal_variables
from tfp_cinc.math.plu import PLUMatrix

__all__ = ['AutoregressiveConv2D', 'trainable_autoregressive_conv2d']


class AutoregressiveConv2D(CausalConv2D):
  """A k x k convolution without the taps that come later in raster order.

  Each pixel sees itself, what is left of it in its row, and the (k - 1) / 2
  rows above it, (k - 1) / 2 columns to both sides. Its matrix is block lower
  triangular with the pixel's own C x C block, the corner, along the diagonal.

  ```
  forward(x) = conv2d(x, masked kernel) + bias
  inverse(y) = causal_conv2d_solve(y - bias, kernel, lookahead=(k - 1) / 2)
  forward_log_det_jacobian(x) = H * W * log|det corner|
  ```

  `x` is [..., H, W, C]. Forward costs H * W * (k^2 + 1) / 2 * C^2; the inverse
  is exact and costs two or three times a forward pass.

  Kingma et al. 2016 (Improved Variational Inference with Inverse Autoregressive
  Flow), section 4; the middle row of the CInC Flow poster, with (k^2 + 1) / 2 *
  C^2 parameters for `corner='plu'`.

  #### Example

  >>> layer = trainable_autoregressive_conv2d(channels=4, seed=1)
  >>> x = tf.random.normal([2, 8, 8, 4])
  >>> y = layer.forward(x)
  >>> bool(tf.reduce_max(abs(layer.inverse(tf.identity(y)) - x)) < 1e-5)
  True
  """

  def __init__(
    self,
    taps,
    corner: PLUMatrix,
    bias=None,
    *,
    padding: str = 'top_left',
    solve_dtype=None,
    validate_args: bool = False,
    name: str = 'autoregressive_conv2d',
  ):
    """Creates the layer.

    Args:
      taps: floating `Tensor` or `Variable` [(k*k - 1) / 2, C, C]: the kernel's
        blocks before its centre in raster order, from input to output channels.
      corner: the `PLUMatrix` [C, C] of the centre.
      bias: floating `Tensor` or `Variable` [C], or None.
      padding: where raster order starts: 'top_left', 'top_right',
        'bottom_left' or 'bottom_right'.
      solve_dtype: as in `CInCConv2D`.
      validate_args: as in `CInCConv2D`.
      name: name of the layer.

    Raises:
      ValueError: if a shape or `padding` is not as above.
    """
    parameters = dict(locals())
    super().__init__(
      taps,
      corner,
      bias,
      padding,
      1,
      solve_dtype,
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
      f'`taps` has shape {taps_shape}; with a corner of {channels} channels it '
      f'must be [(k*k - 1) / 2, {channels}, {channels}] for an odd k.'
    )


def trainable_autoregressive_conv2d(
  channels: int,
  kernel_size: int = 3,
  *,
  padding: str = 'top_left',
  corner: str = 'triangular',
  use_bias: bool = False,
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'autoregressive_conv2d',
) -> AutoregressiveConv2D:
  """An `AutoregressiveConv2D` of new Variables, close to the identity.

  Args:
    channels: C.
    kernel_size: k, odd.
    padding: as in `AutoregressiveConv2D`.
    corner: how the centre is held, see `trainable_cinc_conv2d`.
    use_bias: whether to have a bias.
    seed: of the initial kernel; None draws another one each time.
    dtype: floating dtype.
    name: name of the layer.

  Returns:
    `AutoregressiveConv2D`.

  Raises:
    ValueError: if `channels` or `kernel_size` is less than 1, `kernel_size`
      even, or `corner` or `padding` unknown.
  """
  if kernel_size % 2 == 0:
    raise ValueError(
      f'`kernel_size` is {kernel_size}; a kernel with a centre has an odd one.'
    )
  with tf.name_scope(name):
    variables = causal_variables(
      channels,
      kernel_size,
      (kernel_size**2 - 1) // 2,
      corner=corner,
      use_bias=use_bias,
      seed=seed,
      dtype=dtype,
    )
  return AutoregressiveConv2D(**variables, padding=padding, name=name)
