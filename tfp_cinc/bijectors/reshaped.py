"""A bijector on events of another shape."""

import math
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.one_pass import OnePassBijector

__all__ = ['Reshaped']

tfb = tfp.bijectors


class Reshaped(OnePassBijector):
  """Applies a bijector to events of the same numbers in another shape.

  ```
  forward(x) = reshape(bijector.forward(reshape(x, inner_shape)), event_shape)
  forward_log_det_jacobian(x)
    = bijector.forward_log_det_jacobian(reshape(x, inner_shape))
  ```

  `x` is [..., *event_shape]. The batch keeps its shape, so that conditions of
  the bijector broadcast as they would without this layer. It makes a flow over
  vectors [D] one over images [H, W, C], or the other way round.

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
      bijector: a bijector of events of `inner_shape` (or of less) that keeps
        their shape. Keyword arguments of methods go to it.
      event_shape: shape of the events of this layer, such as [H, W, C].
      inner_shape: shape of the events of `bijector`, such as [H * W * C].
      validate_args: whether to check that inputs are finite.
      name: name of the layer.

    Raises:
      ValueError: if the two shapes have different numbers of elements, or
        fewer dimensions than `bijector` takes.
    """
    parameters = dict(locals())
    with tf.name_scope(name) as name:
      self._bijector = bijector
      self._event_shape = tuple(int(size) for size in event_shape)
      self._inner_shape = tuple(int(size) for size in inner_shape)
      size = math.prod(self._event_shape)
      inner_size = math.prod(self._inner_shape)
      if not self._event_shape or not self._inner_shape:
        raise ValueError(
          f'`event_shape` is {list(self._event_shape)} and `inner_shape` '
          f'{list(self._inner_shape)}; each needs a dimension.'
        )
      if size != inner_size or size < 1:
        raise ValueError(
          f'`event_shape` {list(self._event_shape)} has {size} elements and '
          f'`inner_shape` {list(self._inner_shape)} {inner_size}; they must '
          'have as many, at least 1.'
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
  def bijector(self) -> tfb.Bijector:
    """The bijector of events of `inner_shape`."""
    return self._bijector

  @property
  def event_shape(self) -> tuple[int, ...]:
    """The shape of the events of this layer."""
    return self._event_shape

  @property
  def inner_shape(self) -> tuple[int, ...]:
    """The shape of the events of `bijector`."""
    return self._inner_shape

  def _forward_and_log_det(self, x, **kwargs):
    inner = self._reshape(x, self._event_shape, self._inner_shape)
    y = self._bijector.forward(inner, **kwargs)
    log_det = self._bijector.forward_log_det_jacobian(
      inner, len(self._inner_shape), **kwargs
    )
    return self._reshape(y, self._inner_shape, self._event_shape), log_det

  def _inverse_and_log_det(self, y, **kwargs):
    inner = self._reshape(y, self._event_shape, self._inner_shape)
    x = self._bijector.inverse(inner, **kwargs)
    log_det = self._bijector.inverse_log_det_jacobian(
      inner, len(self._inner_shape), **kwargs
    )
    return self._reshape(x, self._inner_shape, self._event_shape), log_det

  def _reshape(self, x, old_shape, new_shape):
    """Reshapes events within any batch shape."""
    ndims = len(old_shape)
    if not x.shape[-ndims:].is_compatible_with(old_shape):
      raise ValueError(
        f'{self.name}: events of shape {list(old_shape)} are expected; the '
        f'values have shape {x.shape}.'
      )
    batch_shape = x.shape[:-ndims]
    shape = tf.concat([tf.shape(x)[:-ndims], new_shape], axis=0)
    return tf.ensure_shape(
      tf.reshape(x, shape), batch_shape.concatenate(new_shape)
    )
