"""Layer normalization."""

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.networks.precision import at_least_float32

__all__ = ['LayerNorm', 'trainable_layer_norm']


class LayerNorm(tfp_compat.CompositeModule):
  """A normalization of each pixel's channels, followed by a scale and a shift.

  ```
  y = scale * (x - mean(x)) / sqrt(variance(x) + 1e-5) + shift
  ```

  The mean and the variance are taken over the channels of one pixel. There are
  no running statistics, and pixels do not influence one another. Inputs of
  lower precision than float32 are normalized in float32.

  Cost: O(H W C).

  #### Example

  >>> norm = trainable_layer_norm(2)
  >>> [round(float(y), 3) for y in norm(tf.constant([0.0, 4.0]))]
  [-1.0, 1.0]

  #### References

  Ba, Kiros and Hinton 2016, [Layer
  Normalization](https://arxiv.org/abs/1607.06450), section 3.
  """

  def __init__(
    self,
    scale: tf.Tensor | tf.Variable,
    shift: tf.Tensor | tf.Variable,
    name: str = 'layer_norm',
  ):
    """Stores the scale and the shift.

    Args:
      scale: Floating `Tensor` or `Variable` [C].
      shift: Floating `Tensor` or `Variable` [C].
      name: Name of the module.
    """
    super().__init__(name=name)
    self._scale, self._shift = scale, shift

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """Returns the output [..., C] for an input [..., C], in the same dtype."""
    wide = at_least_float32(x)
    centered = wide - tf.reduce_mean(wide, axis=-1, keepdims=True)
    variance = tf.reduce_mean(centered**2, axis=-1, keepdims=True)
    factor = tf.math.rsqrt(variance + 1e-5) * tf.cast(self._scale, wide.dtype)
    y = centered * factor + tf.cast(self._shift, wide.dtype)
    return tf.cast(y, x.dtype)


def trainable_layer_norm(
  channels: int, *, dtype: DTypeLike = tf.float32, name: str = 'layer_norm'
) -> LayerNorm:
  """Returns a trainable `LayerNorm` with initial scale 1 and shift 0.

  Args:
    channels: Number of channels C.
    dtype: Floating dtype of the Variables.
    name: Name of the module.
  """
  with tf.name_scope(name):
    return LayerNorm(
      tf.Variable(tf.ones([channels], dtype), name='scale'),
      tf.Variable(tf.zeros([channels], dtype), name='shift'),
      name=name,
    )
