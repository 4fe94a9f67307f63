"""A scale and a shift per channel."""

import tensorflow as tf

from tfp_cinc.bijectors.base import ConstantJacobianBijector
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.shapes import check_channels, check_sizes
from tfp_cinc.internal.types import DTypeLike, TensorLike

__all__ = ['ChannelAffine', 'identity_variables', 'trainable_channel_affine']


class ChannelAffine(ConstantJacobianBijector):
  """Scales and shifts each channel: the invertible shift function.

  ```
  forward(x) = x * exp(log_scale) + shift
  inverse(y) = (y - shift) * exp(-log_scale)
  forward_log_det_jacobian(x) = sum_c log_scale[c]   (times H * W for an image)
  ```

  `x` is [..., C]. Both directions cost H * W * C for an image. The scale, alpha
  in the paper, is stored as its logarithm and is therefore always positive. The
  1x1 convolution that follows can represent its sign.

  #### Example

  >>> layer = ChannelAffine(log_scale=[0.0, 0.0], shift=[1.0, 2.0])
  >>> layer.forward(tf.zeros([1, 1, 2])).numpy().ravel().tolist()
  [1.0, 2.0]

  #### References

  Truong et al. 2019, [Generative Flow via Invertible n x n Convolution](
  https://arxiv.org/abs/1905.10170), eqs 7, 8 and 10.
  """

  def __init__(
    self,
    log_scale: TensorLike,
    shift: TensorLike,
    validate_args: bool = False,
    name: str = 'channel_affine',
    parameters: dict | None = None,
  ):
    """Creates the layer.

    Args:
      log_scale: Floating `Tensor` or `Variable` [C].
      shift: Floating `Tensor` or `Variable` [C].
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.
      parameters: Constructor arguments of a subclass.

    Raises:
      ValueError: If `log_scale` and `shift` are not vectors of the same length.
    """
    parameters = dict(locals()) if parameters is None else parameters
    with tf.name_scope(name):
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
    """The shift of each channel, [C]."""
    return self._shift

  @property
  def num_channels(self) -> int:
    """Number of channels, C."""
    return self._log_scale.shape[-1]

  def _forward(self, x):
    self._check_channels(x)
    return x * tf.exp(self._log_scale) + self._shift

  def _inverse(self, y):
    self._check_channels(y)
    return (y - self._shift) * tf.exp(-self._log_scale)

  def _check_channels(self, x):
    if x.shape[-1] != self.num_channels:
      check_channels(self.name, x, self.num_channels)

  def _forward_log_det_jacobian(self, x):
    return tf.reduce_sum(self.log_scale, axis=-1)


def trainable_channel_affine(
  channels: int,
  *,
  dtype: DTypeLike = tf.float32,
  name: str = 'channel_affine',
) -> ChannelAffine:
  """Returns a trainable `ChannelAffine`, initialized as the identity.

  Args:
    channels: Number of channels, C.
    dtype: Floating dtype.
    name: Name of the layer.

  Returns:
    `ChannelAffine` with 2 C parameters.

  Raises:
    ValueError: If `channels` is less than 1.
  """
  with tf.name_scope(name):
    return ChannelAffine(**identity_variables(channels, dtype), name=name)


def identity_variables(channels: int, dtype) -> dict[str, tf.Variable]:
  """Returns new Variables with which `ChannelAffine` is the identity."""
  check_sizes(channels=channels)
  return {
    argument: tf.Variable(tf.zeros([channels], dtype), name=argument)
    for argument in ('log_scale', 'shift')
  }
