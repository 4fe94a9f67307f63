"""A bijector on some of the channels."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.one_pass import (
  OnePassBijector,
  pull_back,
  value_and_log_det,
)

__all__ = ['LeadingChannels']

tfb = tfp.bijectors


class LeadingChannels(OnePassBijector):
  """Applies a bijector to the first channels and leaves the others as they are.

  ```
  forward(x) = concat(bijector.forward(x[..., :n]), x[..., n:])
  forward_log_det_jacobian(x) = bijector.forward_log_det_jacobian(x[..., :n])
  ```

  It makes a multi-scale flow one bijector: the channels that are factored out
  at a level pass by the levels after it (RealNVP, Dinh et al. 2017, section
  3.6 and eqs 14-16).

  #### Example

  >>> layer = LeadingChannels(tfb.Scale(2.0), num_channels=2)
  >>> layer.forward(tf.ones([1, 1, 4])).numpy().ravel().tolist()
  [2.0, 2.0, 1.0, 1.0]
  """

  def __init__(
    self,
    bijector: tfb.Bijector,
    num_channels: int,
    validate_args: bool = False,
    name: str = 'leading_channels',
  ):
    """Creates the layer.

    Args:
      bijector: a bijector of events [H, W, num_channels] (or of less) that
        keeps their shape.
      num_channels: n, how many channels it acts on.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.
    """
    parameters = dict(locals())
    with tf.name_scope(name) as name:
      self._bijector = bijector
      self._num_channels = num_channels
      super().__init__(
        forward_min_event_ndims=3,
        is_constant_jacobian=bijector.is_constant_jacobian,
        dtype=bijector.dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def bijector(self) -> tfb.Bijector:
    """The bijector of the first channels."""
    return self._bijector

  @property
  def num_channels(self) -> int:
    """How many channels the bijector acts on."""
    return self._num_channels

  def _forward_and_log_det(self, x, **kwargs):
    return self._transform(x, False, **kwargs)

  def _inverse_and_log_det(self, y, **kwargs):
    return self._transform(y, True, **kwargs)

  def _transform(self, x, invert, **kwargs):
    first, rest = self._split(x)
    y, log_det = value_and_log_det(self._bijector, first, invert, **kwargs)
    return tf.concat([y, rest], -1), log_det

  def _pull_back(self, y, dy, dlog_det, kwargs):
    (first, rest), (dfirst, drest) = self._split(y), self._split(dy)
    x, dx, found = pull_back(self._bijector, first, dfirst, dlog_det, kwargs)
    return tf.concat([x, rest], -1), tf.concat([dx, drest], -1), found

  def _split(self, x):
    count = self._num_channels
    if x.shape[-1] < count:
      raise ValueError(
        f'{self.name}: the input has shape {x.shape}; this layer needs at '
        f'least {count} channels.'
      )
    return tf.split(x, [count, x.shape[-1] - count], axis=-1)
