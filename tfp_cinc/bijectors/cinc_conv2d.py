"""The characterizable invertible convolution of CInC Flow."""

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.one_pass import ConstantJacobianBijector, num_pixels
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.math import causal_conv
from tfp_cinc.math.plu import PLUMatrix

__all__ = ['CInCConv2D', 'trainable_cinc_conv2d']

CORNERS = ('triangular', 'unit', 'plu')


class CInCConv2D(ConstantJacobianBijector):
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
    with tf.name_scope(name) as name:
      check_choice('padding', padding, causal_conv.PADDINGS)
      if dilation < 1:
        raise ValueError(f'`dilation` is {dilation}; it must be at least 1.')
      dtype = tfp_compat.common_dtype(
        [taps, corner.dtype, bias], dtype_hint=tf.float32
      )
      convert = tfp_compat.convert_nonref_to_tensor
      self._taps = convert(taps, dtype=dtype, name='taps')
      self._corner = corner
      self._bias = convert(bias, dtype=dtype, name='bias')
      self._padding = padding
      self._dilation = dilation
      self._solve_dtype = (
        None if solve_dtype is None else tf.as_dtype(solve_dtype)
      )
      self._kernel_size = _kernel_size(self._taps.shape, corner.size)
      super().__init__(
        forward_min_event_ndims=3,
        dtype=dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @classmethod
  def _parameter_properties(cls, dtype):
    return {
      'taps': tfp_compat.ParameterProperties(event_ndims=3),
      'bias': tfp_compat.ParameterProperties(event_ndims=1),
    }

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

  @property
  def kernel(self) -> tf.Tensor:
    """The kernel, [k, k, C, C]."""
    blocks = tf.concat([self._taps, self._corner.dense()[tf.newaxis]], axis=0)
    size, channels = self._kernel_size, self._corner.size
    return tf.reshape(blocks, [size, size, channels, channels])

  @property
  def corner(self) -> PLUMatrix:
    """The corner block kernel[k-1, k-1] in its factors."""
    return self._corner

  @property
  def bias(self) -> tf.Tensor | None:
    """What is added to each channel, [C], or None."""
    return self._bias

  @property
  def padding(self) -> str:
    """The padded corner of the image."""
    return self._padding

  @property
  def dilation(self) -> int:
    """The distance in pixels between two taps."""
    return self._dilation

  def _forward(self, x):
    y = causal_conv.causal_conv2d(
      x, self.kernel, padding=self.padding, dilation=self.dilation
    )
    return y if self.bias is None else y + self.bias

  def _inverse(self, y):
    return causal_conv.causal_conv2d_solve(
      y if self.bias is None else y - self.bias,
      self.kernel,
      padding=self.padding,
      dilation=self.dilation,
      corner_inverse=self.corner.inverse(),
      solve_dtype=self._solve_dtype,
      max_backward_error=(
        16 * float(np.finfo(self.dtype.as_numpy_dtype).eps)
        if self.validate_args
        else None
      ),
    )

  def _forward_log_det_jacobian(self, x):
    return num_pixels(x) * self.corner.log_abs_det()


def _kernel_size(taps_shape, channels):
  if taps_shape.rank == 3 and taps_shape[1:] == [channels, channels]:
    size = round((taps_shape[0] + 1) ** 0.5)
    if size * size == taps_shape[0] + 1:
      return size
  raise ValueError(
    f'`taps` has shape {taps_shape}; with a corner of {channels} channels it '
    f'must be [k*k - 1, {channels}, {channels}].'
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
  check_choice('corner', corner, CORNERS)
  if channels < 1 or kernel_size < 1:
    raise ValueError(
      f'`channels` is {channels} and `kernel_size` {kernel_size}; both must be '
      'at least 1.'
    )
  dtype = tf.as_dtype(dtype)
  rng = np.random.default_rng(seed)
  taps = rng.normal(size=[kernel_size**2 - 1, channels, channels])
  # A small spread keeps the inverse, whose impulse response is a power series
  # in the taps, well conditioned.
  taps *= 0.05 / (kernel_size * np.sqrt(channels))

  def variable(value, name):
    return tf.Variable(tf.cast(value, dtype), name=name)

  with tf.name_scope(name):
    if corner == 'plu':
      matrix = PLUMatrix.random_rotation(channels, seed, dtype)
    else:
      matrix = PLUMatrix(
        lower=tf.zeros([channels * (channels - 1) // 2], dtype),
        log_scale=None if corner == 'unit' else tf.zeros([channels], dtype),
      )
    return CInCConv2D(
      variable(taps, 'taps'),
      matrix.trainable(),
      variable(tf.zeros([channels]), 'bias') if use_bias else None,
      padding=padding,
      dilation=dilation,
      name=name,
    )
