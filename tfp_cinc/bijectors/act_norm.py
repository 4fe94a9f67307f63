"""Activation normalization."""

import tensorflow as tf

from tfp_cinc.bijectors.channel_shift import ChannelShift, identity_variables
from tfp_cinc.internal import switches
from tfp_cinc.internal.shapes import check_channels

__all__ = ['ActNorm', 'trainable_act_norm']

# Below it a channel counts as constant: uniform dequantization noise of 8-bit
# data has standard deviation 1.1e-3.
_LEAST_STANDARD_DEVIATION = 1e-3


class ActNorm(ChannelShift):
  """A scale and a shift per channel, set from data before training.

  ```
  forward(x) = x * exp(log_scale) + shift
  inverse(y) = (y - shift) * exp(-log_scale)
  forward_log_det_jacobian(x) = sum_c log_scale[c]   (times H * W for an image)
  ```

  `tfp_cinc.initialize_from_data(flow, images)` sets its Variables so that each
  channel of the layer's output has mean 0 and standard deviation 1 on those
  images. Nothing else does: no first batch, and no call to `sample`.

  Glow (Kingma and Dhariwal 2018), section 3.1.

  #### Example

  >>> layer = trainable_act_norm(channels=3)
  >>> layer.forward(tf.zeros([2, 8, 8, 3])).shape
  TensorShape([2, 8, 8, 3])
  """

  def __init__(
    self,
    log_scale,
    shift,
    initialized=True,
    validate_args: bool = False,
    name: str = 'act_norm',
  ):
    """Creates the layer.

    Args:
      log_scale: floating `Tensor` or `Variable` [C].
      shift: floating `Tensor` or `Variable` [C].
      initialized: bool or bool `Variable` []: whether the two hold what they
        should. False needs three Variables, which `initialize_from_data` sets.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.
    """
    parameters = dict(locals())
    self._initialized = initialized
    super().__init__(log_scale, shift, validate_args, name, parameters)

  @property
  def initialized(self) -> tf.Tensor:
    """Whether `log_scale` and `shift` hold what they should, a bool."""
    return self._initialized

  def _forward(self, x):
    if switches.initializing.is_on:
      check_channels(self.name, x, self.num_channels)
      self._initialize(x)
    return super()._forward(x)

  def _initialize(self, x):
    if not isinstance(self._initialized, tf.Variable):
      return  # its parameters are given, not trained
    mean, variance = tf.nn.moments(x, axes=range(x.shape.rank - 1))
    deviation = tf.maximum(tf.sqrt(variance), _LEAST_STANDARD_DEVIATION)
    self._log_scale.assign(-tf.math.log(deviation))
    self._shift.assign(-mean / deviation)
    self._initialized.assign(True)


def trainable_act_norm(
  channels: int,
  *,
  dtype=tf.float32,
  name: str = 'act_norm',
) -> ActNorm:
  """An `ActNorm` of new Variables: the identity, and not yet initialized.

  Args:
    channels: C.
    dtype: floating dtype.
    name: name of the layer.

  Returns:
    `ActNorm`.
  """
  with tf.name_scope(name):
    return ActNorm(
      **identity_variables(channels, dtype),
      initialized=tf.Variable(False, trainable=False, name='initialized'),
      name=name,
    )
