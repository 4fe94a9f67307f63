"""A bijector on reshaped events."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.adapted import as_flow_bijector
from tfp_cinc.bijectors.base import BijectorWrapper

__all__ = ['Reshaped']

tfb = tfp.bijectors


class Reshaped(BijectorWrapper):
  """Applies a bijector to reshaped events.

  ```
  forward(x) = reshape(bijector.forward(reshape(x, inner_shape)), event_shape)
  inverse(y) = reshape(bijector.inverse(reshape(y, inner_shape)), event_shape)
  forward_log_det_jacobian(x)
    = bijector.forward_log_det_jacobian(reshape(x, inner_shape))
  ```

  `x` is [..., *event_shape]. The batch keeps its shape, so conditions of the
  bijector broadcast as they do without this layer. For example, the layer turns
  a flow over vectors [D] into a flow over images [H, W, C].

  #### Example

  >>> matrix = tfb.ScaleMatvecDiag(tf.range(1.0, 9.0))
  >>> layer = Reshaped(matrix, event_shape=[2, 2, 2], inner_shape=[8])
  >>> layer.forward(tf.ones([5, 2, 2, 2]))[0].numpy().tolist()
  [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]
  """

  def __init__(
    self,
    bijector: tfb.Bijector,
    event_shape: Sequence[int],
    inner_shape: Sequence[int],
    validate_args: bool = False,
    name: str = 'reshaped',
  ):
    """Creates the layer.

    Args:
      bijector: A bijector of events [*inner_shape] (or of lower rank) that
        keeps their shape. Keyword arguments of methods are passed on to it.
      event_shape: Shape of the events of this layer, such as [H, W, C].
      inner_shape: Shape of the events of `bijector`, such as [H * W * C].
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.

    Raises:
      ValueError: If the two shapes have different numbers of elements, or if
        `inner_shape` has fewer dimensions than `bijector` takes.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      self._bijector = bijector = as_flow_bijector(bijector)
      parameters['bijector'] = self._bijector
      self._event_shape = tuple(int(size) for size in event_shape)
      self._inner_shape = tuple(int(size) for size in inner_shape)
      size = math.prod(self._event_shape)
      inner_size = math.prod(self._inner_shape)
      if not self._event_shape or not self._inner_shape:
        raise ValueError(
          f'`event_shape` is {list(self._event_shape)} and `inner_shape` '
          f'{list(self._inner_shape)}; both must have at least one dimension.'
        )
      if size != inner_size or size < 1:
        raise ValueError(
          f'`event_shape` {list(self._event_shape)} has {size} elements and '
          f'`inner_shape` {list(self._inner_shape)} {inner_size}; they must '
          'have the same number of elements, at least 1.'
        )
      if len(self._inner_shape) < bijector.forward_min_event_ndims:
        raise ValueError(
          f'`inner_shape` {list(self._inner_shape)} has '
          f'{len(self._inner_shape)} dimensions; {bijector.name} takes events '
          f'of {bijector.forward_min_event_ndims} or more.'
        )
      super().__init__(
        forward_min_event_ndims=len(self._event_shape),
        is_constant_jacobian=bijector.is_constant_jacobian,
        dtype=bijector.dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def event_shape(self) -> tuple[int, ...]:
    """Shape of the events of this layer."""
    return self._event_shape

  @property
  def inner_shape(self) -> tuple[int, ...]:
    """Shape of the events of `bijector`."""
    return self._inner_shape

  def _inner_event_ndims(self, event_ndims):
    return event_ndims - len(self._event_shape) + len(self._inner_shape)

  def route(
    self, x: tf.Tensor, run: Callable, invert: bool, kwargs: dict
  ) -> tf.Tensor:
    """Passes x through the bijector in the inner shape."""
    inner = self._reshape(x, self._event_shape, self._inner_shape)
    y = run(0, inner, invert, kwargs)
    return self._reshape(y, self._inner_shape, self._event_shape)

  def pull_back(
    self,
    y: tf.Tensor,
    dy: tf.Tensor,
    dlog_det: tf.Tensor,
    event_ndims: int | None = None,
    **kwargs: Any,
  ) -> tuple[tf.Tensor, tf.Tensor, list]:
    """See `FlowBijector`. Calls `pull_back` of the wrapped bijector."""
    outer, inner = self._event_shape, self._inner_shape
    event_ndims = self._inner_event_ndims(event_ndims or len(outer))
    x, dx, found = self._bijector.pull_back(
      self._reshape(y, outer, inner),
      self._reshape(dy, outer, inner),
      dlog_det,
      event_ndims,
      **kwargs,
    )
    back = inner, outer
    return self._reshape(x, *back), self._reshape(dx, *back), found

  def _reshape(self, x, old_shape, new_shape):
    """Reshapes events and keeps the batch shape."""
    ndims = len(old_shape)
    if not x.shape[-ndims:].is_compatible_with(old_shape):
      raise ValueError(
        f'{self.name}: the input has shape {x.shape}; its events must have '
        f'shape {list(old_shape)}.'
      )
    batch_shape = x.shape[:-ndims]
    shape = tf.concat([tf.shape(x)[:-ndims], new_shape], axis=0)
    return tf.ensure_shape(
      tf.reshape(x, shape), batch_shape.concatenate(new_shape)
    )
