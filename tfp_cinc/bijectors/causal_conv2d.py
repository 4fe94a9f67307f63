"""Base class of convolutions that are causal in raster order."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.base import ConstantJacobianBijector, num_pixels
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.shapes import check_bias, check_sizes
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.math import causal_conv
from tfp_cinc.matrices import InvertibleMatrix, PLUMatrix, trainable_plu_matrix

__all__ = ['DIAGONAL_BLOCKS', 'CausalConv2D', 'causal_variables']

DIAGONAL_BLOCKS = ('triangular', 'unit', 'plu')


class CausalConv2D(ConstantJacobianBijector):
  """Base class of convolutions that are causal in raster order.

  Each output pixel depends on the same input pixel and on pixels before it.

  ```
  forward(x) = causal_conv2d(x, kernel) + bias
  inverse(y) = causal_conv2d_solve(y - bias, kernel)
  forward_log_det_jacobian(x) = H * W * log|det diagonal_block|
  ```

  `x` is [..., H, W, C]. The matrix of the convolution is block triangular. Each
  block on its diagonal is the C x C matrix that multiplies the pixel itself. A
  subclass implements `_geometry`, which defines the pixels that the kernel
  reads.
  """

  def __init__(
    self,
    taps: TensorLike,
    diagonal_block: InvertibleMatrix,
    bias: TensorLike | None,
    padding: str,
    dilation: int,
    solve_dtype: DTypeLike | None,
    solve_matrices: tf.Tensor | None,
    validate_args: bool,
    name: str,
    parameters: dict,
  ):
    """Creates the layer.

    Args:
      taps: Floating `Tensor` or `Variable` [n, C, C]: the C x C blocks of the
        kernel before that of the pixel itself, in raster order. Each maps input
        channels to output channels.
      diagonal_block: The matrix [C, C] that multiplies the pixel itself.
      bias: Floating `Tensor` or `Variable` [C], or None.
      padding: Padded sides of the image.
      dilation: Distance in pixels between two taps, at least 1.
      solve_dtype: Dtype of the solve in the inverse. None means the dtype of
        the layer.
      solve_matrices: Precomputed result of `causal_conv2d_solve_matrices` for
        one image size, in a frozen layer; or None.
      validate_args: Whether to check inputs and to refine inverses.
      name: Name of the layer.
      parameters: Constructor arguments of the subclass.

    Raises:
      ValueError: If a shape, `padding` or `dilation` is invalid.
    """
    with tf.name_scope(name):
      check_choice('padding', padding, causal_conv.PADDINGS)
      check_sizes(dilation=dilation)
      dtype = tfp_compat.common_dtype(
        [taps, diagonal_block.dtype, bias], dtype_hint=tf.float32
      )
      convert = tfp_compat.convert_nonref_to_tensor
      self._taps = convert(taps, dtype=dtype, name='taps')
      self._diagonal_block = diagonal_block
      self._bias = convert(bias, dtype=dtype, name='bias')
      check_bias(self._bias, diagonal_block.size)
      self._padding = padding
      self._dilation = dilation
      self._solve_dtype = (
        None if solve_dtype is None else tf.as_dtype(solve_dtype)
      )
      self._solve_matrices = convert(solve_matrices)
      channels = diagonal_block.size
      shape, self._lookahead = self._geometry(self._taps.shape, channels)
      self._kernel_shape = [*shape, channels, channels]
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
    """Returns ([rows, columns] of the kernel, lookahead) for a taps shape."""
    raise NotImplementedError

  @property
  def kernel(self) -> tf.Tensor:
    """The kernel [rows, columns, C, C] for `tfp_cinc.math.causal_conv2d`."""
    blocks = [self._taps, self._diagonal_block.dense()[tf.newaxis]]
    blocks = tf.concat(blocks, axis=0)
    if self._lookahead:
      return causal_conv.raster_kernel(blocks, self._kernel_shape)
    return tf.reshape(blocks, self._kernel_shape)

  @property
  def diagonal_block(self) -> InvertibleMatrix:
    """The matrix that multiplies the pixel itself."""
    return self._diagonal_block

  @property
  def bias(self) -> tf.Tensor | None:
    """The bias of each channel, [C], or None."""
    return self._bias

  @property
  def padding(self) -> str:
    """The padded sides of the image."""
    return self._padding

  @property
  def dilation(self) -> int:
    """Distance in pixels between two taps."""
    return self._dilation

  def _forward(self, x):
    y = causal_conv.causal_conv2d(x, self.kernel, **self._options())
    return y if self.bias is None else y + self.bias

  def freeze(self, event_shape: Sequence[int]) -> 'CausalConv2D':
    """Freezes the layer and precomputes the matrices of the solve."""
    constants = {
      'taps': tf.convert_to_tensor(self._taps),
      'diagonal_block': self._diagonal_block.freeze(),
      'bias': None if self._bias is None else tf.convert_to_tensor(self._bias),
    }
    height, width = event_shape[-3:-1]
    if None not in (height, width):
      constants['solve_matrices'] = causal_conv.causal_conv2d_solve_matrices(
        self.kernel, (height, width), **self._solve_options()
      )
    return self.copy(**constants)

  def _inverse(self, y):
    return causal_conv.causal_conv2d_solve(
      y if self.bias is None else y - self.bias,
      self.kernel,
      **self._solve_options(),
      matrices=self._solve_matrices,
      max_backward_error=(
        16 * float(np.finfo(self.dtype.as_numpy_dtype).eps)
        if self.validate_args
        else None
      ),
    )

  def _solve_options(self):
    return {
      **self._options(),
      'diagonal_inverse': self._diagonal_block.inverse(),
      'solve_dtype': self._solve_dtype,
    }

  def _options(self):
    return {
      'padding': self._padding,
      'dilation': self._dilation,
      'lookahead': self._lookahead,
    }

  def _forward_log_det_jacobian(self, x):
    return num_pixels(x) * self._diagonal_block.log_abs_det()


def causal_variables(
  channels: int,
  kernel_size: int,
  num_taps: int,
  *,
  diagonal_block: str,
  use_bias: bool,
  seed: int | None,
  dtype,
) -> dict:
  """Creates the Variables of a layer, initialized close to the identity.

  Args:
    channels: Number of channels, C.
    kernel_size: Rows and columns of the kernel, k.
    num_taps: Number of blocks of the kernel besides that of the pixel itself.
    diagonal_block: 'triangular', 'unit' or 'plu'; see `trainable_cinc_conv2d`.
    use_bias: Whether the layer has a bias.
    seed: Seed of the initial kernel. None draws a new one.
    dtype: Floating dtype.

  Returns:
    A dict with the keys 'taps', 'diagonal_block' and 'bias'.

  Raises:
    ValueError: If `channels` or `kernel_size` is less than 1, or
      `diagonal_block` is unknown.
  """
  check_choice('diagonal_block', diagonal_block, DIAGONAL_BLOCKS)
  dtype = tf.as_dtype(dtype)
  rng = np.random.default_rng(seed)
  taps = rng.normal(size=[num_taps, channels, channels])
  # The impulse response of the inverse is a power series in the taps. Small
  # taps keep it well conditioned.
  taps *= 0.05 / (kernel_size * np.sqrt(channels))

  def variable(value, name):
    return tf.Variable(tf.cast(value, dtype), name=name)

  if diagonal_block == 'plu':
    matrix = trainable_plu_matrix(channels, seed=seed, dtype=dtype)
  else:
    matrix = PLUMatrix(
      lower=variable(tf.zeros([channels * (channels - 1) // 2]), 'lower'),
      log_scale=None
      if diagonal_block == 'unit'
      else variable(tf.zeros([channels]), 'log_scale'),
    )
  return {
    'taps': variable(taps, 'taps'),
    'diagonal_block': matrix,
    'bias': variable(tf.zeros([channels]), 'bias') if use_bias else None,
  }
