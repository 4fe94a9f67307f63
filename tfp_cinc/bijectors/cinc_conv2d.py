"""The Characterizable Invertible Convolution of CInC Flow."""

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.causal_conv2d import CausalConv2D, causal_variables
from tfp_cinc.internal.shapes import check_sizes
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.math.causal_conv import check_kernel
from tfp_cinc.matrices import InvertibleMatrix, PLUMatrix

__all__ = ['CInCConv2D', 'trainable_cinc_conv2d']


class CInCConv2D(CausalConv2D):
  """A k x k convolution that is invertible for all values of its parameters.

  The image is zero-padded by (k - 1) * dilation on two adjacent sides. The
  matrix of the convolution is then block triangular, and each block on its
  diagonal is the C x C matrix `kernel[k-1, k-1]`. The convolution is invertible
  if and only if this diagonal block is (Theorem 2). The block is stored as
  factors that cannot become singular.

  ```
  forward(x) = causal_conv2d(x, kernel) + bias
  inverse(y) = causal_conv2d_solve(y - bias, kernel)
  forward_log_det_jacobian(x) = H * W * log|det kernel[k-1, k-1]|
  ```

  `x` is [..., H, W, C]. Forward costs H * W * k^2 * C^2. The inverse is exact,
  has no loop over pixels and costs about twice as much.

  #### Example

  >>> layer = trainable_cinc_conv2d(channels=4, kernel_size=3, seed=1)
  >>> x = tf.random.normal([2, 8, 8, 4])
  >>> y = layer.forward(x)
  >>> bool(tf.reduce_max(abs(layer.inverse(tf.identity(y)) - x)) < 1e-5)
  True

  #### References

  Nagar, Dufraisse and Varma 2021, [CInC Flow](
  https://arxiv.org/abs/2107.01358), sections 3.2.1 and 3.2.2.
  """

  def __init__(
    self,
    taps: TensorLike,
    diagonal_block: InvertibleMatrix,
    bias: TensorLike | None = None,
    *,
    padding: str = 'top_left',
    dilation: int = 1,
    solve_dtype: DTypeLike | None = None,
    solve_matrices: tf.Tensor | None = None,
    validate_args: bool = False,
    name: str = 'cinc_conv2d',
  ):
    """Creates the layer.

    Args:
      taps: Floating `Tensor` or `Variable` [k*k - 1, C, C]: all C x C blocks of
        the kernel except the last one, in raster order. Each maps input
        channels to output channels.
      diagonal_block: The `InvertibleMatrix` [C, C] that is the last block,
        kernel[k-1, k-1].
      bias: Floating `Tensor` or `Variable` [C], or None.
      padding: Padded sides of the image: 'top_left' (as in the paper),
        'top_right', 'bottom_left' or 'bottom_right'. The last three are the
        same as the first one on flipped images.
      dilation: Distance in pixels between two taps, at least 1.
      solve_dtype: Dtype of the solve in the inverse, such as `tf.float64` for
        kernels that amplify rounding errors. None means the dtype of the layer.
      solve_matrices: Precomputed matrices of the solve for one image size, as
        set by `tfp_cinc.freeze`. None computes them at each call.
      validate_args: Whether to check that inputs are finite, and to refine an
        inverse whose backward error is more than 16 machine epsilons; see
        `tfp_cinc.math.causal_conv2d_solve`.
      name: Name of the layer.

    Raises:
      ValueError: If a shape, `padding` or `dilation` is invalid.
    """
    parameters = dict(locals())
    super().__init__(
      taps,
      diagonal_block,
      bias,
      padding,
      dilation,
      solve_dtype,
      solve_matrices,
      validate_args,
      name,
      parameters=parameters,
    )

  @staticmethod
  def _geometry(taps_shape, channels):
    if taps_shape.rank == 3 and taps_shape[1:] == [channels, channels]:
      size = round((taps_shape[0] + 1) ** 0.5)
      if size * size == taps_shape[0] + 1:
        return [size, size], 0
    raise ValueError(
      f'`taps` has shape {taps_shape}; with a diagonal block of {channels} '
      f'channels it must be [k*k - 1, {channels}, {channels}].'
    )

  @classmethod
  def from_kernel(
    cls,
    kernel: TensorLike,
    bias: TensorLike | None = None,
    *,
    padding: str = 'top_left',
    dilation: int = 1,
    name: str = 'cinc_conv2d',
  ) -> 'CInCConv2D':
    """Creates a layer from a concrete kernel.

    Args:
      kernel: Array [k, k, C, C] (rows, columns, input and output channels).
      bias: Array [C], or None.
      padding: As in the constructor.
      dilation: As in the constructor.
      name: Name of the layer.

    Returns:
      `CInCConv2D` with constants as parameters.

    Raises:
      ValueError: If the shape of the kernel is invalid, or if kernel[k-1, k-1]
        is singular. By Theorem 2 the convolution then has no inverse.
    """
    kernel = np.asarray(kernel)
    if kernel.dtype not in (np.float32, np.float64):
      kernel = kernel.astype(np.float32)
    check_kernel(kernel)
    try:
      block = PLUMatrix.from_matrix(kernel[-1, -1])
    except ValueError as error:
      raise ValueError(
        'this kernel has no inverse: by Theorem 2 of CInC Flow a causal '
        'convolution is invertible if and only if det(kernel[k-1, k-1]) != 0, '
        f'and {error}'
      ) from None
    taps = kernel.reshape([-1, *kernel.shape[2:]])[:-1]
    return cls(taps, block, bias, padding=padding, dilation=dilation, name=name)


def trainable_cinc_conv2d(
  channels: int,
  kernel_size: int = 3,
  *,
  padding: str = 'top_left',
  dilation: int = 1,
  diagonal_block: str = 'triangular',
  use_bias: bool = False,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'cinc_conv2d',
) -> CInCConv2D:
  """Returns a trainable `CInCConv2D`, initialized close to the identity.

  Args:
    channels: Number of channels, C.
    kernel_size: Rows and columns of the kernel, k, at least 1.
    padding: As in `CInCConv2D`.
    dilation: As in `CInCConv2D`.
    diagonal_block: Form of the kernel's last block. 'triangular': lower
      triangular with the diagonal exp(log_scale); for k = 3 the layer then has
      9 C^2 - C (C - 1) / 2 parameters, as on the paper's poster. 'unit': lower
      triangular with ones on the diagonal, so that the log-det is 0. 'plu': any
      invertible matrix (Theorem 2) with a fixed permutation and fixed signs,
      initialized as a random rotation.
    use_bias: Whether the layer has a bias.
    seed: Seed of the initial kernel. None draws a new one.
    dtype: Floating dtype.
    name: Name of the layer.

  Returns:
    `CInCConv2D`.

  Raises:
    ValueError: If `channels` or `kernel_size` is less than 1, or
      `diagonal_block` or `padding` is unknown.
  """
  check_sizes(channels=channels, kernel_size=kernel_size)
  with tf.name_scope(name):
    variables = causal_variables(
      channels,
      kernel_size,
      kernel_size**2 - 1,
      diagonal_block=diagonal_block,
      use_bias=use_bias,
      seed=seed,
      dtype=dtype,
    )
  return CInCConv2D(**variables, padding=padding, dilation=dilation, name=name)
