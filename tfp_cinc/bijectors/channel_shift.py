"""A scale and a shift per channel."""

import tensorflow as tf

from tfp_cinc.bijectors.one_pass import ConstantJacobianBijector
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.shapes import check_channels

__all__ = ['ChannelShift', 'identity_variables', 'trainable_channel_shift']


class ChannelShift(ConstantJacobianBijector):
  """The invertible shift function: a scale and a shift per channel.

  ```
  forward(x) = x * exp(log_scale) + shift
  inverse(y) = (y - shift) * exp(-log_scale)
  forward_log_det_jacobian(x) = sum_c log_scale[c]   (times H * W for an image)
  ```

  The scale alpha of the paper is held by its logarithm, so that it stays away
  from 0: its sign is left to the 1x1 convolution that follows. Both directions
  cost H * W * C.

  Truong et al. 2019 (Generative Flow via Invertible n x n Convolution), eqs 7,
  8 and 10.

  #### Example

  >>> layer = ChannelShift(log_scale=[0.0, 0.0], shift=[1.0, 2.0])
  >>> layer.forward(tf.zeros([1, 1, 2])).numpy().ravel().tolist()
  [1.0, 2.0]
  """

  def __init__(
    self,
    log_scale,
    shift,
    validate_args: bool = False,
    name: str = 'channel_shift',
    parameters: dict | None = None,
  ):
    """Creates the layer.

    Args:
      log_scale: floating `Tensor` or `Variable` [C].
      shift: floating `Tensor` or `Variable` [C].
      validate_args: whether to check that inputs are finite.
      name: name of the layer.
      parameters: for subclasses, their constructor's arguments.

    Raises:
      ValueError: if the two are not vectors of one length.
    """
    parameters = dict(locals()) if parameters is None else parameters
    with tf.name_scope(name) as name:
      dtype = tfp_compat.common_dtype([log_scale, shift], dtype_hint=tf.float32)
      convert = tfp_compat.convert_nonref_to_tensor
      self._log_scale = convert(log_scale, dtype=dtype, name='log_scale')
      self._shift = convert(shift, dtype=dtype, name='shift')
      shapes = tuple(self._log_scale.shape), tuple(self._shift.shape)
      if shapes[0] != shapes[1] or len(shapes[0]) != 1:
        raise ValueError(
          f'`log_scale` has shape {shapes[0]} and `shift` {shapes[1]}; both '
          'must be [C].'
        )
      super().__init__(
        forward_min_event_ndims=1,
        dtype=dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @classmethod
  def _parameter_properties(cls, dtype):
    return {
      'log_scale': tfp_compat.ParameterProperties(event_ndims=1),
      'shift': tfp_compat.ParameterProperties(event_ndims=1),
    }

  @property
  def log_scale(self) -> tf.Tensor:
    """The logarithm of the scale of each channel, [C]."""
    return self._log_scale

  @property
  def shift(self) -> tf.Tensor:
    """What is added to each channel, [C]."""
    return self._shift

  @property
  def num_channels(self) -> int:
    """C."""
    return self._log_scale.shape[-1]

  def _forward(self, x):
    check_channels(self.name, x, self.num_channels)
    return x * tf.exp(self.log_scale) + self.shift

  def _inverse(self, y):
    check_channels(self.name, y, self.num_channels)
    return (y - self.shift) * tf.exp(-self.log_scale)

  def _forward_log_det_jacobian(self, x):
    return tf.reduce_sum(self.log_scale, axis=-1)


def trainable_channel_shift(
  channels: int,
  *,
  dtype=tf.float32,
  name: str = 'channel_shift',
) -> ChannelShift:
  """A `ChannelShift` of new Variables that starts as the identity.

  Args:
    channels: C.
    dtype: floating dtype.
    name: name of the layer.

  Returns:
    `ChannelShift` with 2 C parameters.
  """
  with tf.name_scope(name):
    return ChannelShift(**identity_variables(channels, dtype), name=name)


def identity_variables(channels: int, dtype) -> dict[str, tf.Variable]:
  """New Variables of `ChannelShift` with which it is the identity."""
  return {
    argument: tf.Variable(tf.zeros([channels], dtype), name=argument)
    for argument in ('log_scale', 'shift')
  }
