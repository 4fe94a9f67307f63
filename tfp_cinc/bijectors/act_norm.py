"""Activation normalization."""

import tensorflow as tf

from tfp_cinc.bijectors.channel_affine import (
  ChannelAffine,
  identity_variables,
)
from tfp_cinc.internal.shapes import check_channels
from tfp_cinc.internal.types import DTypeLike, TensorLike

__all__ = ['ActNorm', 'trainable_act_norm']

# A channel with a smaller standard deviation is treated as constant. The
# uniform dequantization noise of 8-bit data has standard deviation 1.1e-3.
_LEAST_STANDARD_DEVIATION = 1e-3


class ActNorm(ChannelAffine):
  """Scales and shifts each channel; initialized from data before training.

  ```
  forward(x) = x * exp(log_scale) + shift
  inverse(y) = (y - shift) * exp(-log_scale)
  forward_log_det_jacobian(x) = sum_c log_scale[c]   (times H * W for an image)
  ```

  `x` is [..., C]. Both directions cost H * W * C for an image.

  `tfp_cinc.initialize_from_data(flow, images)` sets the Variables so that each
  channel of the layer's output has mean 0 and standard deviation 1 on those
  images. The layer does not initialize itself, neither from the first batch nor
  in a call to `sample`.

  #### Example

  >>> layer = trainable_act_norm(channels=3)
  >>> layer.forward(tf.zeros([2, 8, 8, 3])).shape
  TensorShape([2, 8, 8, 3])

  #### References

  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), section
  3.1.
  """

  def __init__(
    self,
    log_scale: TensorLike,
    shift: TensorLike,
    initialized: bool | tf.Variable | tf.Tensor = True,
    validate_args: bool = False,
    name: str = 'act_norm',
  ):
    """Creates the layer.

    Args:
      log_scale: Floating `Tensor` or `Variable` [C].
      shift: Floating `Tensor` or `Variable` [C].
      initialized: Bool or bool `Variable` []: whether `log_scale` and `shift`
        have been set. If False, all three must be Variables, so that
        `initialize_from_data` can set them.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.

    Raises:
      ValueError: If `log_scale` and `shift` are not vectors of the same length.
    """
    parameters = dict(locals())
    self._initialized = initialized
    super().__init__(log_scale, shift, validate_args, name, parameters)

  @property
  def initialized(self) -> tf.Tensor:
    """Whether `log_scale` and `shift` have been set."""
    return self._initialized

  def initialize(self, x: tf.Tensor, invert: bool = False) -> None:
    """Sets the Variables so that `forward(x)` has mean 0 and deviation 1.

    Does nothing if `initialized` is not a Variable, because the parameters then
    already have their values.

    Args:
      x: `Tensor` [..., C] with concrete values.
      invert: Whether to normalize `inverse(x)` instead of `forward(x)`.

    Raises:
      ValueError: If `x` does not have C channels.
    """
    check_channels(self.name, x, self.num_channels)
    if not isinstance(self._initialized, tf.Variable):
      return
    mean, variance = tf.nn.moments(x, axes=range(x.shape.rank - 1))
    deviation = tf.maximum(tf.sqrt(variance), _LEAST_STANDARD_DEVIATION)
    sign = -1 if not invert else 1
    self._log_scale.assign(sign * tf.math.log(deviation))
    self._shift.assign(mean if invert else -mean / deviation)
    self._initialized.assign(True)


def trainable_act_norm(
  channels: int,
  *,
  dtype: DTypeLike = tf.float32,
  name: str = 'act_norm',
) -> ActNorm:
  """Returns a trainable, uninitialized `ActNorm`, which is the identity.

  Args:
    channels: Number of channels, C.
    dtype: Floating dtype.
    name: Name of the layer.

  Returns:
    `ActNorm` with 2 C parameters.

  Raises:
    ValueError: If `channels` is less than 1.
  """
  with tf.name_scope(name):
    return ActNorm(
      **identity_variables(channels, dtype),
      initialized=tf.Variable(False, trainable=False, name='initialized'),
      name=name,
    )
