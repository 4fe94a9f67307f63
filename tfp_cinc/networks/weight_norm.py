"""Convolutions whose kernels have their length and direction apart."""

import tensorflow as tf

from tfp_cinc.internal.choices import check_choice
from tfp_cinc.networks.layers import STARTS, Conv2D

__all__ = ['WeightNormConv2D']


class WeightNormConv2D(Conv2D):
  """`Conv2D` whose kernel is a direction times a gain for each output channel.

  ```
  kernel[..., o] = gain[o] * direction[..., o] / |direction[..., o]|
  ```

  with the Euclidean length |.| over the taps and the input channels. The same
  convolutions, and with 'he_normal' the same at the start; what differs is how
  gradients move them: one step of an optimizer turns a kernel by less the
  longer its direction has grown, and lengthens it by its gain alone. Where the
  start is 'zero', the gains are zero and the directions are not.

  Salimans and Kingma 2016 (Weight Normalization), eq. 2, without the
  initialization from data of section 3.

  #### Example

  >>> conv = WeightNormConv2D(2, 3, kernel_size=3, seed=1)
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
      start: of the kernel, as in `Conv2D`.
      seed: of the directions; None draws others each time.
      dtype: floating dtype of the variables.
      name: name of the module.

    Raises:
      ValueError: if a size is less than 1 or `start` is unknown.
    """
    check_choice('start', start, STARTS)
    super().__init__(
      in_channels, out_channels, kernel_size, seed=seed, dtype=dtype, name=name
    )
    length = _length(self._kernel)
    gain = tf.zeros_like(length) if start == 'zero' else length
    with tf.name_scope(name):
      self._gain = tf.Variable(gain, name='gain')

  def weights(self, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
    """The kernel [k, k, C_in, C_out] and the bias [C_out], as `dtype`."""
    kernel = self._kernel * (self._gain / _length(self._kernel))
    return tf.cast(kernel, dtype), tf.cast(self._bias, dtype)


def _length(kernel):
  """The Euclidean length of each output channel's part."""
  return tf.sqrt(tf.reduce_sum(tf.square(kernel), axis=[0, 1, 2]))
