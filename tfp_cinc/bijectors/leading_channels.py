"""A bijector on some of the channels."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.adapted import as_flow_bijector
from tfp_cinc.bijectors.base import BijectorWrapper

__all__ = ['LeadingChannels']

tfb = tfp.bijectors


class LeadingChannels(BijectorWrapper):
  """Applies a bijector to the first channels and keeps the others unchanged.

  ```
  forward(x) = concat(bijector.forward(x[..., :n]), x[..., n:])
  forward_log_det_jacobian(x) = bijector.forward_log_det_jacobian(x[..., :n])
  ```

  This layer makes it possible to write a multi-scale flow as one bijector: the
  channels that are factored out at a level bypass the later levels.

  #### Example

  >>> layer = LeadingChannels(tfb.Scale(2.0), num_channels=2)
  >>> layer.forward(tf.ones([1, 1, 4])).numpy().ravel().tolist()
  [2.0, 2.0, 1.0, 1.0]

  #### References

  Dinh, Sohl-Dickstein and Bengio 2017, [RealNVP](
  https://arxiv.org/abs/1605.08803), section 3.6 and eqs 14-16.
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
      bijector: A bijector of events [H, W, num_channels] (or of lower rank)
        that keeps their shape. Keyword arguments of methods are passed on to
        it.
      num_channels: Number n of channels that the bijector acts on.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      self._bijector = as_flow_bijector(bijector)
      parameters['bijector'] = self._bijector
      self._num_channels = num_channels
      super().__init__(
        forward_min_event_ndims=3,
        is_constant_jacobian=self._bijector.is_constant_jacobian,
        dtype=self._bijector.dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def num_channels(self) -> int:
    """Number of channels that the bijector acts on."""
    return self._num_channels

  def route(
    self, x: tf.Tensor, run: Callable, invert: bool, kwargs: dict
  ) -> tf.Tensor:
    """Passes the first channels of x through the bijector."""
    first, rest = self._split(x)
    first = run(0, first, invert, kwargs)
    if first.shape[:-1] != rest.shape[:-1]:  # the bijector has a batch shape
      shape = tf.concat([tf.shape(first)[:-1], tf.shape(rest)[-1:]], axis=0)
      rest = tf.broadcast_to(rest, shape)
    return tf.concat([first, rest], axis=-1)

  def pull_back(
    self,
    y: tf.Tensor,
    dy: tf.Tensor,
    dlog_det: tf.Tensor,
    event_ndims: int | None = None,
    **kwargs: Any,
  ) -> tuple[tf.Tensor, tf.Tensor, list]:
    """See `FlowBijector`. Calls `pull_back` of the wrapped bijector."""
    (first, rest), (dfirst, drest) = self._split(y), self._split(dy)
    x, dx, found = self._bijector.pull_back(
      first, dfirst, dlog_det, event_ndims or 3, **kwargs
    )
    return tf.concat([x, rest], -1), tf.concat([dx, drest], -1), found

  def _split(self, x):
    count = self._num_channels
    if x.shape[-1] < count:
      raise ValueError(
        f'{self.name}: the input has shape {x.shape}; this layer needs at '
        f'least {count} channels.'
      )
    return tf.split(x, [count, x.shape[-1] - count], axis=-1)
