"""The characterizable invertible convolution of CInC Flow."""

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.causal_conv2d import CausalConv2D, causal_variables
from tfp_cinc.math.plu import PLUMatrix

__all__ = ['CInCConv2D', 'trainable_cinc_conv2d']


class CInCConv2D(CausalConv2D):
  """A k x k convolution that is invertible whatever its parameters.

  The image is zero-padded by (k - 1) * dilation on two adjacent sides, so that
  the convolution's matrix is block triangular with the kernel's corner block
  `kernel[k-1, k-1]` all along its diagonal: it is invertible if and only if
  this C x C block is (Theorem 2). The block is held as factors that cannot
  become singular.

  ```
  forward(x) = causal_conv2d(x, kernel) + bias
  inverse(y) = causal_conv2d_solve(y - bias, kernel)
  forward_log_det_jacobian(x) = H * W * log|det kernel[k-1, k-1]|
  ```

  `x` is [..., H, W, C]. Forward costs H * W * k^2 * C^2; the inverse is exact,
  has no loop over pixels and costs about twice a forward pass.

  CInC Flow (Nagar, Dufraisse and Varma 2021), sections 3.2.1 and 3.2.2.

  #### Example

  >>> layer = trainable_cinc_conv2d(channels=4, kernel_size=3, seed=1)
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
    dilation: int = 1,
    solve_dtype=None,
    validate_args: bool = False,
    name: str = 'cinc_conv2d',
  ):
    """Creates the layer.

    Args:
      taps: floating `Tensor` or `Variable` [k*k - 1, C, C]: the kernel's blocks
        in raster order, without the last, from input to output channels.
      corner: the `PLUMatrix` [C, C] of the last block, kernel[k-1, k-1].
      bias: floating `Tensor` or `Variable` [C], or None.
      padding: the padded corner of the image: 'top_left' (the paper's),
        'top_right', 'bottom_left' or 'bottom_right'. The last three are the
        first one between flipped images.
      dilation: the distance in pixels between two taps, at least 1.
      solve_dtype: dtype of the inverse's solve where it is not the layer's:
        `tf.float64` for kernels that amplify rounding.
      validate_args: whether to check that inputs are finite, and to refine an
        inverse whose backward error is more than 16 machine epsilons, see
        `tfp_cinc.math.causal_conv2d_solve`.
      name: name of the layer.

    Raises:
      ValueError: if a shape, `padding` or `dilation` is not as above.
    """
    parameters = dict(locals())
    super().__init__(
      taps,
      corner,
      bias,
      padding,
      dilation,
      solve_dtype,
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
      f'`taps` has shape {taps_shape}; with a corner of {channels} channels it '
      f'must be [k*k - 1, {channels}, {channels}].'
    )

  @classmethod
  def from_kernel(
    cls,
    kernel,
    bias=None,
    *,
    padding: str = 'top_left',
    dilation: int = 1,
    name: str = 'cinc_conv2d',
  ) -> 'CInCConv2D':
    """The layer of a concrete kernel.

    Args:
      kernel: array [k, k, C, C] (rows, columns, input and output channels).
      bias: array [C], or None.
      padding: as in the constructor.
      dilation: as in the constructor.
      name: name of the layer.

    Returns:
      `CInCConv2D` of constants.

    Raises:
      ValueError: if the shape is another, or if kernel[k-1, k-1] is singular:
        by Theorem 2 no inverse exists then.
    """
    kernel = np.asarray(kernel)
    if kernel.dtype not in (np.float32, np.float64):
      kernel = kernel.astype(np.float32)
    if kernel.ndim != 4 or len({*kernel.shape[:2]} | {0}) != 2:
      raise ValueError(
        f'`kernel` has shape {kernel.shape}; it must be [k, k, C, C], k >= 1.'
      )
    if kernel.shape[2] != kernel.shape[3]:
      raise ValueError(
        f'`kernel` has shape {kernel.shape}: {kernel.shape[2]} input and '
        f'{kernel.shape[3]} output channels; an invertible convolution has as '
        'many of both.'
      )
    try:
      corner = PLUMatrix.from_matrix(kernel[-1, -1])
    except ValueError as error:
      raise ValueError(
        'this kernel has no inverse: by Theorem 2 of CInC Flow a causal '
        'convolution is invertible if and only if det(kernel[k-1, k-1]) != 0, '
        f'and {error}'
      ) from None
    taps = kernel.reshape([-1, *kernel.shape[2:]])[:-1]
    return cls(
      taps, corner, bias, padding=padding, dilation=dilation, name=name
    )


def trainable_cinc_conv2d(
  channels: int,
  kernel_size: int = 3,
  *,
  padding: str = 'top_left',
  dilation: int = 1,
  corner: str = 'triangular',
  use_bias: bool = False,
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'cinc_conv2d',
) -> CInCConv2D:
  """A `CInCConv2D` of new Variables that starts close to the identity.

  Args:
    channels: C.
    kernel_size: k, any integer from 1 on.
    padding: as in `CInCConv2D`.
    dilation: as in `CInCConv2D`.
    corner: how the corner block is held. 'triangular': lower triangular with
      the diagonal exp(log_scale), which makes the 9 C^2 - C (C - 1) / 2
      parameters of the paper's poster for k = 3; 'unit': with the diagonal 1,
      for a log-det of 0; 'plu': any invertible matrix (Theorem 2) of a fixed
      permutation and signs, started as a random rotation.
    use_bias: whether to have a bias.
    seed: of the initial kernel; None draws another one each time.
    dtype: floating dtype.
    name: name of the layer.

  Returns:
    `CInCConv2D`.

  Raises:
    ValueError: if `channels` or `kernel_size` is less than 1, or `corner` or
      `padding` unknown.
  """
  with tf.name_scope(name):
    variables = causal_variables(
      channels,
      kernel_size,
      kernel_size**2 - 1,
      corner=corner,
      use_bias=use_bias,
      seed=seed,
      dtype=dtype,
    )
  return CInCConv2D(**variables, padding=padding, dilation=dilation, name=name)
