"""Composition of bijectors."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors import memory as memory_lib
from tfp_cinc.bijectors.adapted import as_flow_bijector
from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.bijectors.shared_trace import alike, call
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.choices import check_choice, nearest_name

__all__ = ['MEMORY', 'Chain']

tfb = tfp.bijectors

MEMORY = ('store', 'checkpoint', 'reversible')


class Chain(FlowBijector):
  """A composition of bijectors, like `tfb.Chain`.

  ```
  forward(x) = bijectors[0].forward(bijectors[1].forward( ... x))
  forward_log_det_jacobian(x) = the sum of the parts' log-dets
  ```

  The event rank of the chain is the largest event rank of its parts. Each part
  must keep the rank of its events.

  `memory` determines what is stored for the gradient of `forward`:

  - 'store': all activations.
  - 'checkpoint': only the input of each part. The gradient runs the part again.
    A part that contains a chain whose `memory` is not 'store' is left to that
    chain.
  - 'reversible': only the output of the chain. The gradient recomputes the
    input of each part by its inverse, in reverse order, so memory does not grow
    with depth. This also applies to all chains within the parts.

  The gradient of `inverse` always stores all activations. Second derivatives of
  `forward` are refused with 'reversible'.

  In a graph, parts that differ only in the values of their tensors, such as the
  steps of a level of a flow, share one trace. Parts that are not composite
  tensors, or whose networks are not (such as a Keras model or a lambda), are
  traced separately.

  #### Example

  >>> from tfp_cinc.bijectors import trainable_cinc_conv2d
  >>> chain = Chain([trainable_cinc_conv2d(4, seed=i) for i in range(3)])
  >>> x = tf.Variable(tf.ones([2, 8, 8, 4]))
  >>> with tf.GradientTape() as tape:
  ...   y = tf.reduce_sum(chain.forward(x))
  >>> tape.gradient(y, x).shape
  TensorShape([2, 8, 8, 4])

  #### References

  Gomez et al. 2017, [The Reversible Residual Network](
  https://arxiv.org/abs/1707.04585), section 3.2; Chen et al. 2016, [Training
  Deep Nets with Sublinear Memory Cost](https://arxiv.org/abs/1604.06174),
  section 4.
  """

  def __init__(
    self,
    bijectors: Sequence[tfb.Bijector],
    memory: str = 'store',
    validate_args: bool = False,
    name: str = 'chain',
    parameters: dict | None = None,
  ):
    """Creates the chain.

    Args:
      bijectors: List of parts. The last one is applied first, as in
        `tfb.Chain`. Keyword arguments of methods are routed by the names of the
        parts: `chain.forward(x, layer_1={'label': label})`.
      memory: 'store', 'checkpoint' or 'reversible', as above.
      validate_args: Whether to check that inputs are finite.
      name: Name of the chain.
      parameters: Constructor arguments of a subclass.

    Raises:
      ValueError: If `bijectors` is empty, their dtypes differ, one of them
        changes the rank of its events, or `memory` is unknown.
    """
    parameters = dict(locals()) if parameters is None else parameters
    with tf.name_scope(name):
      check_choice('memory', memory, MEMORY)
      self._bijectors = [as_flow_bijector(part) for part in bijectors]
      self._memory = memory
      if 'bijectors' in parameters:  # `copy` needs the adapted bijectors
        parameters['bijectors'] = self._bijectors
      if not self._bijectors:
        raise ValueError('`bijectors` is empty; a chain needs at least one.')
      for part in self._bijectors:
        if part.forward_min_event_ndims != part.inverse_min_event_ndims:
          raise ValueError(
            f'{part.name} changes the rank of events from '
            f'{part.forward_min_event_ndims} to {part.inverse_min_event_ndims};'
            ' the parts of a chain must keep it. Instead of a part that'
            ' reshapes events, wrap the other parts in `Reshaped`.'
          )
      super().__init__(
        forward_min_event_ndims=max(
          part.forward_min_event_ndims for part in self._bijectors
        ),
        is_constant_jacobian=all(
          part.is_constant_jacobian for part in self._bijectors
        ),
        dtype=_common_dtype(self._bijectors),
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @classmethod
  def _parameter_properties(cls, dtype):
    return {
      'bijectors': tfp_compat.BatchedComponentProperties(
        event_ndims=lambda self, ndims: [ndims for _ in self._bijectors]
      )
    }

  @property
  def bijectors(self) -> list[FlowBijector]:
    """The parts; the last one is applied first."""
    return list(self._bijectors)

  @property
  def memory(self) -> str:
    """The memory mode: 'store', 'checkpoint' or 'reversible'."""
    return self._memory

  def parts(self) -> tuple[FlowBijector, ...]:
    """Returns the bijectors of the chain."""
    return tuple(self._bijectors)

  def with_parts(self, parts: Sequence[FlowBijector]) -> 'Chain':
    """Returns this chain with other bijectors."""
    return self.copy(bijectors=list(parts))

  def route(
    self, x: tf.Tensor, run: Callable, invert: bool, kwargs: dict
  ) -> tf.Tensor:
    """Passes x through the bijectors, one after the other."""
    if kwargs:
      self._check_names(kwargs)
    order = range(len(self._bijectors))
    for i in order if invert else reversed(order):
      x = run(i, x, invert, kwargs.get(self._bijectors[i].name, {}))
    return x

  def sources(self, kwargs: dict) -> list:
    """Returns the sources of all parts, in the order of `bijectors`."""
    return [
      source
      for part in self._bijectors
      for source in part.sources(kwargs.get(part.name, {}))
    ]

  def pull_back(
    self,
    y: tf.Tensor,
    dy: tf.Tensor,
    dlog_det: tf.Tensor,
    event_ndims: int | None = None,
    **kwargs: Any,
  ) -> tuple[tf.Tensor, tf.Tensor, list]:
    """See `FlowBijector`. Starts with the part that `forward` applies last."""
    self._check_names(kwargs)
    event_ndims = event_ndims or self.forward_min_event_ndims
    shared, gradients = alike(self._bijectors), []
    for i, part in enumerate(self._bijectors):
      # Without this dependency, TensorFlow would run all recomputations first
      # and keep all their results in memory.
      with tf.control_dependencies([dy]):
        y = tf.identity(y)
      own = kwargs.get(part.name, {})
      y, dy, found = call(
        i in shared,
        memory_lib.pull_back,
        part,
        y,
        dy,
        dlog_det,
        event_ndims,
        own,
      )
      gradients.extend(found)
    return y, dy, gradients

  def _forward_event_shape(self, input_shape):
    return self._fold('forward_event_shape', input_shape)

  def _inverse_event_shape(self, output_shape):
    return self._fold('inverse_event_shape', output_shape)

  def _forward_event_shape_tensor(self, input_shape):
    return self._fold('forward_event_shape_tensor', input_shape)

  def _inverse_event_shape_tensor(self, output_shape):
    return self._fold('inverse_event_shape_tensor', output_shape)

  def _fold(self, method, value):
    invert = method.startswith('inverse')
    for part in self._bijectors if invert else self._bijectors[::-1]:
      value = getattr(part, method)(value)
    return value

  def _forward_and_log_det(self, x, **kwargs):
    if self._memory == 'reversible':
      return memory_lib.keep_output(_stored(self), x, kwargs)
    return self._run(x, kwargs, invert=False)

  def _inverse_and_log_det(self, y, **kwargs):
    return self._run(y, kwargs, invert=True)

  def _run(self, x, kwargs, invert):
    batch_ndims = x.shape.rank - self.forward_min_event_ndims
    checkpoint = self._memory == 'checkpoint' and not invert
    in_graph = not tf.executing_eagerly()
    shared = alike(self._bijectors) if in_graph else ()
    log_dets = []

    def run(i, x, invert, kwargs):
      part, event_ndims = self._bijectors[i], x.shape.rank - batch_ndims
      if checkpoint and not _has_memory(part):
        y, log_det = memory_lib.keep_input(
          i in shared, part, x, event_ndims, kwargs
        )
      elif in_graph:
        y, log_det = call(
          i in shared, memory_lib.evaluate, part, x, invert, event_ndims, kwargs
        )
      else:
        y, log_det = part._evaluate(x, invert, event_ndims, kwargs)
      log_dets.append(log_det)
      return y

    y = self.route(x, run, invert, kwargs)
    return y, sum(log_dets[1:], log_dets[0])

  def _check_names(self, kwargs):
    """Raises `ValueError` if a keyword does not name exactly one part."""
    for name in kwargs:
      names = [part.name for part in self._bijectors]
      if names.count(name) != 1:
        what = 'several parts' if name in names else 'no part'
        raise ValueError(
          f'{self.name} has {what} named {name!r}'
          f'{"" if name in names else nearest_name(name, names)}; keyword '
          'arguments are routed by the names of the parts, which are '
          f'{names}.'
        )


def _stored(bijector):
  """Returns a bijector with `memory='store'` in all chains within it."""
  parts = bijector.parts()
  new = [_stored(part) for part in parts]
  if any(a is not b for a, b in zip(parts, new, strict=True)):
    bijector = bijector.with_parts(new)
  if isinstance(bijector, Chain) and bijector.memory != 'store':
    bijector = bijector.copy(memory='store')
  return bijector


def _has_memory(bijector):
  """Whether a bijector is or contains a chain with another `memory`."""
  if isinstance(bijector, Chain) and bijector.memory != 'store':
    return True
  return any(map(_has_memory, bijector.parts()))


def _common_dtype(bijectors):
  dtypes = {tf.as_dtype(b.dtype) for b in bijectors if b.dtype is not None}
  if len(dtypes) > 1:
    raise ValueError(
      f'`bijectors` have the dtypes {sorted(d.name for d in dtypes)}; all parts'
      ' of a chain must have the same dtype.'
    )
  return dtypes.pop() if dtypes else None
