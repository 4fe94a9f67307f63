"""What the convolutions that are causal in raster order share."""

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.one_pass import ConstantJacobianBijector, num_pixels
from tfp_cinc.internal import switches, tfp_compat
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.derived import derived
from tfp_cinc.internal.shapes import check_bias
from tfp_cinc.math import causal_conv
from tfp_cinc.math.plu import PLUMatrix

__all__ = ['CORNERS', 'CausalConv2D', 'causal_variables']

CORNERS = ('triangular', 'unit', 'plu')


class CausalConv2D(ConstantJacobianBijector):
  """A convolution of a pixel and of pixels before it in raster order.

  ```
  forward(x) = causal_conv2d(x, kernel) + bias
  inverse(y) = causal_conv2d_solve(y - bias, kernel)
  forward_log_det_jacobian(x) = H * W * log|det corner|
  ```

  Its matrix is block triangular with the pixel's own C x C block, the corner,
  all along the diagonal. A subclass says by `_geometry` which pixels its kernel
  sees.
  """

  def __init__(
    self,
    taps,
    corner: PLUMatrix,
    bias,
    padding: str,
    dilation: int,
    solve_dtype,
    validate_args: bool,
    name: str,
    parameters: dict,
  ):
    """Creates the layer.

    Args:
      taps: floating `Tensor` or `Variable` [n, C, C]: the kernel's blocks in
        raster order up to the corner, from input to output channels.
      corner: the `PLUMatrix` [C, C] of the pixel itself.
      bias: floating `Tensor` or `Variable` [C], or None.
      padding: the padded corner of the image.
      dilation: the distance in pixels between two taps, at least 1.
      solve_dtype: dtype of the inverse's solve, or None for the layer's.
      validate_args: whether to check inputs and to refine inverses.
      name: name of the layer.
      parameters: the subclass's constructor's arguments.

    Raises:
      ValueError: if a shape, `padding` or `dilation` is not as above.
    """
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
      check_bias(self._bias, corner.size)
      self._padding = padding
      self._dilation = dilation
      self._solve_dtype = (
        None if solve_dtype is None else tf.as_dtype(solve_dtype)
      )
      shape, self._lookahead = self._geometry(self._taps.shape, corner.size)
      self._kernel_shape = [*shape, corner.size, corner.size]
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

  @staticmethod
  def _geometry(taps_shape, channels):
    """([rows, columns] of the kernel, lookahead) for this shape of taps."""
    raise NotImplementedError

  @property
  def kernel(self) -> tf.Tensor:
    """The kernel [rows, columns, C, C] of `tfp_cinc.math.causal_conv2d`."""
    blocks = [self._taps, self._corner.dense()[tf.newaxis]]
    if self._lookahead:
      after = [self._lookahead, *self._kernel_shape[2:]]
      blocks.append(tf.zeros(after, self.dtype))
    return tf.reshape(tf.concat(blocks, axis=0), self._kernel_shape)

  @property
  def corner(self) -> PLUMatrix:
    """The block of the pixel itself in its factors."""
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
    y = causal_conv.causal_conv2d(x, self.kernel, **self._options())
    return y if self.bias is None else y + self.bias

  def _inverse(self, y):
    size, matrices = y.shape[-3:-1], None
    if switches.frozen.is_on:
      matrices = derived(
        self,
        f'solve_matrices_{size[0]}_{size[1]}',
        lambda: causal_conv.causal_conv2d_solve_matrices(
          self.kernel, size, **self._solve_options()
        ),
      )
    return causal_conv.causal_conv2d_solve(
      y if self.bias is None else y - self.bias,
      self.kernel,
      **self._solve_options(),
      matrices=matrices,
      max_backward_error=(
        16 * float(np.finfo(self.dtype.as_numpy_dtype).eps)
        if self.validate_args
        else None
      ),
    )

  def _solve_options(self):
    return {
      **self._options(),
      'corner_inverse': self.corner.inverse(),
      'solve_dtype': self._solve_dtype,
    }

  def _options(self):
    return {
      'padding': self._padding,
      'dilation': self._dilation,
      'lookahead': self._lookahead,
    }

  def _forward_log_det_jacobian(self, x):
    return num_pixels(x) * self.corner.log_abs_det()


def causal_variables(
  channels: int,
  kernel_size: int,
  num_taps: int,
  *,
  corner: str,
  use_bias: bool,
  seed: int | None,
  dtype,
) -> dict:
  """New Variables for a layer that starts close to the identity.

  Args:
    channels: C.
    kernel_size: k.
    num_taps: how many blocks the kernel has beside the corner.
    corner: 'triangular', 'unit' or 'plu', see `trainable_cinc_conv2d`.
    use_bias: whether to have a bias.
    seed: of the initial kernel; None draws another one each time.
    dtype: floating dtype.

  Returns:
    A dict of `taps`, `corner` and `bias`.

  Raises:
    ValueError: if `channels` or `kernel_size` is less than 1, or `corner`
      unknown.
  """
  check_choice('corner', corner, CORNERS)
  if channels < 1 or kernel_size < 1:
    raise ValueError(
      f'`channels` is {channels} and `kernel_size` {kernel_size}; both must be '
      'at least 1.'
    )
  dtype = tf.as_dtype(dtype)
  rng = np.random.default_rng(seed)
  taps = rng.normal(size=[num_taps, channels, channels])
  # A small spread keeps the inverse, whose impulse response is a power series
  # in the taps, well conditioned.
  taps *= 0.05 / (kernel_size * np.sqrt(channels))
  if corner == 'plu':
    matrix = PLUMatrix.random_rotation(channels, seed, dtype)
  else:
    matrix = PLUMatrix(
      lower=tf.zeros([channels * (channels - 1) // 2], dtype),
      log_scale=None if corner == 'unit' else tf.zeros([channels], dtype),
    )

  def variable(value, name):
    return tf.Variable(tf.cast(value, dtype), name=name)

  return {
    'taps': variable(taps, 'taps'),
    'corner': matrix.trainable(),
    'bias': variable(tf.zeros([channels]), 'bias') if use_bias else None,
  }
