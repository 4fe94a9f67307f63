"""The parts that networks are built of."""

import math

import numpy as np
import tensorflow as tf

from tfp_cinc.internal.choices import check_choice
from tfp_cinc.networks.precision import at_least_float32

__all__ = ['Conv2D', 'LayerNorm', 'check_sizes', 'convolve', 'draw_seeds']

STARTS = ('he_normal', 'zero')


class Conv2D(tf.Module):
  """A convolution of stride 1 that keeps height and width.

  ```
  y[i, j] = bias + sum_{a, b} x[i + a - p, j + b - p] @ kernel[a, b]
  ```

  with p = (k - 1) // 2 and x zero outside of the image. It computes in the
  dtype of its input, whatever that of its Variables.

  #### Example

  >>> conv = Conv2D(2, 3, kernel_size=3, seed=1)
  >>> conv(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 3])
  """

  def __init__(
    self,
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    *,
    start: str = 'he_normal',
    seed: int | None = None,
    dtype=tf.float32,
    name: str = 'conv',
  ):
    """Creates the layer and its variables.

    Args:
      in_channels: C_in.
      out_channels: C_out.
      kernel_size: k.
      start: of the kernel: 'he_normal', normal of variance 2 / (k * k * C_in),
        truncated at two standard deviations (He et al. 2015, Delving Deep into
        Rectifiers, eq. 10); or 'zero'. The bias starts at zero.
      seed: of the kernel; None draws another each time.
      dtype: floating dtype of the variables.
      name: name of the module.

    Raises:
      ValueError: if a size is less than 1 or `start` is unknown.
    """
    super().__init__(name=name)
    check_choice('start', start, STARTS)
    check_sizes(
      in_channels=in_channels,
      out_channels=out_channels,
      kernel_size=kernel_size,
    )
    shape = [kernel_size, kernel_size, in_channels, out_channels]
    if start == 'zero':
      kernel = tf.zeros(shape, dtype)
    else:
      seed = draw_seeds(None, 1)[0] if seed is None else seed
      kernel = _he_normal(shape, seed, dtype)
    with tf.name_scope(name):
      self._kernel = tf.Variable(kernel, name='kernel')
      self._bias = tf.Variable(tf.zeros([out_channels], dtype), name='bias')

  @property
  def kernel(self) -> tf.Variable:
    """The kernel, [k, k, C_in, C_out]."""
    return self._kernel

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """The output [N, H, W, C_out] for an input [N, H, W, C_in]."""
    return convolve(x, *self.weights(x.dtype))

  def weights(self, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
    """The kernel [k, k, C_in, C_out] and the bias [C_out], as `dtype`."""
    return tf.cast(self._kernel, dtype), tf.cast(self._bias, dtype)


class LayerNorm(tf.Module):
  """Normalizes the channels of each pixel, then scales and shifts them.

  ```
  y = scale * (x - mean(x)) / sqrt(variance(x) + 1e-5) + shift
  ```

  It has no state of past batches, and pixels do not see one another. Inputs of
  less than float32 are normalized in float32.

  Ba, Kiros and Hinton 2016 (Layer Normalization), section 3.

  #### Example

  >>> norm = LayerNorm(2)
  >>> np.round(norm(tf.constant([[0.0, 4.0]])), 3).tolist()
  [[-1.0, 1.0]]
  """

  def __init__(
    self,
    channels: int,
    *,
    dtype=tf.float32,
    name: str = 'layer_norm',
  ):
    """Creates the layer and its variables, which start as no change.

    Args:
      channels: C.
      dtype: floating dtype of the variables.
      name: name of the module.
    """
    super().__init__(name=name)
    with tf.name_scope(name):
      self._scale = tf.Variable(tf.ones([channels], dtype), name='scale')
      self._shift = tf.Variable(tf.zeros([channels], dtype), name='shift')

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """The output [..., C] for an input [..., C], of its dtype."""
    wide = at_least_float32(x)
    centered = wide - tf.reduce_mean(wide, axis=-1, keepdims=True)
    variance = tf.reduce_mean(centered**2, axis=-1, keepdims=True)
    factor = tf.math.rsqrt(variance + 1e-5) * tf.cast(self._scale, wide.dtype)
    y = centered * factor + tf.cast(self._shift, wide.dtype)
    return tf.cast(y, x.dtype)


def convolve(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
  """What `Conv2D` computes, of a kernel and a bias in the dtype of x."""
  y = tf.nn.conv2d(x, kernel, strides=1, padding='SAME')
  if x.shape[0] in (None, 0) and None not in x.shape[1:3]:
    # TensorFlow gives no images, on CPU, the shape that they had before.
    y = tf.reshape(y, [tf.shape(x)[0], *x.shape[1:3], kernel.shape[-1]])
  return tf.nn.bias_add(y, bias)


def draw_seeds(seed: int | None, count: int) -> list[int]:
  """Independent seeds for the parts of a network, from one or from none."""
  return np.random.SeedSequence(seed).generate_state(count).tolist()


def check_sizes(**sizes: int) -> None:
  """Raises `ValueError` where one of the named sizes is less than 1."""
  for name, size in sizes.items():
    if size < 1:
      raise ValueError(f'`{name}` is {size}; it must be at least 1.')


def _he_normal(shape, seed, dtype):
  """A truncated normal of variance 2 / fan_in."""
  deviation = math.sqrt(2 / math.prod(shape[:-1]))
  truncation = 0.87962566103423978  # the deviation of N(0, 1) within [-2, 2]
  return tf.random.stateless_truncated_normal(
    shape, [seed, 0], stddev=deviation / truncation, dtype=dtype
  )
