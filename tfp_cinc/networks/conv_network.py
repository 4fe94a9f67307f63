"""Convolutions and networks of consecutive convolutions."""

import functools
import math
from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.seeds import split_seed
from tfp_cinc.internal.shapes import check_sizes, on_image_batch
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.networks.base import ImageNetwork
from tfp_cinc.networks.condition import (
  condition_vector,
  convolve_equal_pixels,
)

__all__ = [
  'Conv2D',
  'ConvNetwork',
  'convolve',
  'trainable_conv2d',
  'trainable_conv_network',
]

STARTS = ('he_normal', 'zero')


class Conv2D(tfp_compat.CompositeModule):
  """A convolution of stride 1 that keeps height and width.

  ```
  y[i, j] = bias + sum_{a, b} x[i + a - p, j + b - p] @ kernel[a, b]
  ```

  with p = (k - 1) // 2 and x zero outside the image. It computes in the dtype
  of its input, whatever the dtype of its Variables.

  Cost: O(k^2 H W C_in C_out).

  #### Example

  >>> conv = trainable_conv2d(2, 3, kernel_size=3, seed=1)
  >>> conv(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 3])
  """

  def __init__(
    self,
    kernel: tf.Tensor | tf.Variable,
    bias: tf.Tensor | tf.Variable,
    name: str = 'conv',
  ):
    """Stores the kernel and the bias.

    Args:
      kernel: Floating `Tensor` or `Variable` [k, k, C_in, C_out].
      bias: Floating `Tensor` or `Variable` [C_out].
      name: Name of the module.
    """
    super().__init__(name=name)
    self._kernel, self._bias = kernel, bias

  @property
  def kernel(self) -> tf.Tensor | tf.Variable:
    """Kernel [k, k, C_in, C_out]."""
    return self._kernel

  @property
  def in_channels(self) -> int:
    """Number of input channels C_in."""
    return self._kernel.shape[2]

  @property
  def out_channels(self) -> int:
    """Number of output channels C_out."""
    return self._kernel.shape[3]

  @property
  def dtype(self) -> tf.DType:
    """Dtype of the kernel and the bias."""
    return self._kernel.dtype

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """Returns the output [N, H, W, C_out] for an input [N, H, W, C_in]."""
    return convolve(x, *self.weights(x.dtype))

  def weights(self, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the kernel and the bias, cast to `dtype`."""
    return tf.cast(self._kernel, dtype), tf.cast(self._bias, dtype)


def trainable_conv2d(
  in_channels: int,
  out_channels: int,
  kernel_size: int,
  *,
  start: str = 'he_normal',
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'conv',
) -> Conv2D:
  """Returns a trainable `Conv2D`.

  #### References

  He et al. 2015, [Delving Deep into
  Rectifiers](https://arxiv.org/abs/1502.01852), equation 10.

  Args:
    in_channels: Number of input channels C_in.
    out_channels: Number of output channels C_out.
    kernel_size: Height and width k of the kernel.
    start: Initial kernel, 'he_normal' or 'zero'. 'he_normal' draws from a
      normal distribution that is truncated at two standard deviations and has
      variance 2 / (k * k * C_in). The bias starts at zero.
    seed: Seed of the initial kernel. None draws a new one.
    dtype: Floating dtype of the Variables.
    name: Name of the module.

  Raises:
    ValueError: If a size is less than 1 or `start` is unknown.
  """
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
    seed = split_seed(None, 1)[0] if seed is None else seed
    kernel = _he_normal(shape, seed, dtype)
  with tf.name_scope(name):
    return Conv2D(
      tf.Variable(kernel, name='kernel'),
      tf.Variable(tf.zeros([out_channels], dtype), name='bias'),
      name=name,
    )


class ConvNetwork(ImageNetwork, tfp_compat.CompositeModule):
  """A sequence of convolutions with ReLU between them.

  ```
  y = conv_n(relu(... conv_2(relu(conv_1(x)))))
  ```

  Cost: O(k^2 H W C C') for each layer of k x k from C to C' channels. A
  condition vector costs as much as one more input channel, whatever its size.

  #### Example

  >>> network = trainable_conv_network(2, [(16, 3), (4, 3)], seed=1)
  >>> network(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 4])
  """

  def __init__(
    self,
    convs: Sequence[Conv2D],
    *,
    condition_channels: int = 0,
    network_dtype: DTypeLike | None = None,
    name: str = 'conv_network',
  ):
    """Stores the layers.

    Args:
      convs: Layers. The first one reads C_in + `condition_channels` channels.
      condition_channels: Number of channels of the condition, 0 for none.
      network_dtype: Dtype in which the network computes, see `ImageNetwork`.
      name: Name of the module.

    Raises:
      ValueError: If there is no layer, or if the arguments are invalid for an
        `ImageNetwork`.
    """
    if not len(convs):
      raise ValueError('`convs` is empty; a network needs at least one layer.')
    super().__init__(
      convs[0].in_channels - condition_channels,
      condition_channels=condition_channels,
      dtype=convs[0].dtype,
      network_dtype=network_dtype,
      name=name,
    )
    self._convs = list(convs)

  def _given(self, x, condition):
    vector = condition_vector(x, condition, self._condition_channels)
    if vector is None:
      return super()._given(x, condition)
    # The first layer does not convolve the equal pixels of the condition.
    dtype, size = self._network_dtype, x.shape[-3:-1]
    kernel, bias = self._convs[0].weights(dtype)
    own, others = kernel[:, :, : x.shape[-1]], kernel[:, :, x.shape[-1] :]
    y = on_image_batch(lambda x: convolve(x, own, bias), tf.cast(x, dtype))
    y += convolve_equal_pixels(tf.cast(vector, dtype), others, size)
    y = on_image_batch(functools.partial(self._apply, first=1), y)
    return tf.cast(y, self._dtype)

  def _apply(self, x, first=0):
    for i, conv in enumerate(self._convs[first:], first):
      x = conv(tf.nn.relu(x) if i else x)
    return x


def trainable_conv_network(
  in_channels: int,
  layers: Sequence[tuple[int, int]],
  *,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'conv_network',
) -> ConvNetwork:
  """Returns a trainable `ConvNetwork` whose initial output is zero.

  The last kernel starts at zero. A coupling with this network therefore starts
  with parameters that do not depend on the input. The other kernels are
  initialized as in `trainable_conv2d`.

  Args:
    in_channels: Number of input channels C_in.
    layers: Pairs (channels, kernel size), one for each layer. The last layer
      has C_out channels.
    condition_channels: Number of channels of the condition, 0 for none.
    seed: Seed of the initial kernels. None draws new ones.
    dtype: Floating dtype of inputs, outputs and Variables.
    network_dtype: Dtype in which the network computes, see `ImageNetwork`.
    name: Name of the module.

  Raises:
    ValueError: If there is no layer, a size is less than 1,
      `condition_channels` is negative, or `network_dtype` cannot be used with
      `dtype`.
  """
  check_sizes(in_channels=in_channels)
  if condition_channels < 0:
    raise ValueError(
      f'`condition_channels` is {condition_channels}; it must be at least 0.'
    )
  convs, channels = [], in_channels + condition_channels
  with tf.name_scope(name):
    for i, ((out_channels, kernel_size), conv_seed) in enumerate(
      zip(layers, split_seed(seed, len(layers)), strict=True)
    ):
      conv = trainable_conv2d(
        channels,
        out_channels,
        kernel_size,
        start='zero' if i + 1 == len(layers) else 'he_normal',
        seed=conv_seed,
        dtype=dtype,
        name=f'conv_{i}',
      )
      convs.append(conv)
      channels = out_channels
  return ConvNetwork(
    convs,
    condition_channels=condition_channels,
    network_dtype=network_dtype,
    name=name,
  )


def convolve(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
  """Returns the output of a `Conv2D` with the given kernel and bias.

  Args:
    x: `Tensor` [N, H, W, C_in].
    kernel: `Tensor` [k, k, C_in, C_out] of the dtype of `x`.
    bias: `Tensor` [C_out] of the dtype of `x`.

  Returns:
    `Tensor` [N, H, W, C_out].
  """
  y = tf.nn.conv2d(x, kernel, strides=1, padding='SAME')
  if x.shape[0] in (None, 0) and None not in x.shape[1:3]:
    # On CPU, TensorFlow's output for an empty batch has the number of channels
    # of the input.
    y = tf.reshape(y, [tf.shape(x)[0], *x.shape[1:3], kernel.shape[-1]])
  return tf.nn.bias_add(y, bias)


def _he_normal(shape, seed, dtype):
  """Draws from a truncated normal distribution of variance 2 / fan_in."""
  deviation = math.sqrt(2 / math.prod(shape[:-1]))
  # Standard deviation of N(0, 1) truncated to [-2, 2].
  truncation = 0.87962566103423978
  return tf.random.stateless_truncated_normal(
    shape, [seed, 0], stddev=deviation / truncation, dtype=dtype
  )
