"""Traversal and modification of a flow as a tree of bijectors.

Chains and other containers have parts; see `FlowBijector.parts`, `with_parts`
and `route`. Functions that traverse or change a flow use either

- `walk`, which passes values through the layers one by one, or
- `map_bijectors`, which replaces bijectors and keeps the rest of the flow.
"""

import dataclasses
from collections.abc import Callable, Container, Iterator, Sequence
from typing import TypeAlias

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.adapted import as_flow_bijector
from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.bijectors.chain import Chain
from tfp_cinc.bijectors.leading_channels import LeadingChannels
from tfp_cinc.bijectors.memory import evaluate
from tfp_cinc.bijectors.shared_trace import alike, call
from tfp_cinc.internal import tfp_compat

__all__ = [
  'Layer',
  'layers',
  'map_bijectors',
  'map_places',
  'root',
  'subtree',
  'unique_name',
  'walk',
  'walk_shapes',
  'with_bijector',
]

tfb = tfp.bijectors
tfd = tfp.distributions

Flow: TypeAlias = tfd.TransformedDistribution | tfb.Bijector


@dataclasses.dataclass(frozen=True)
class Layer:
  """A bijector and its position in a flow.

  Attributes:
    bijector: The bijector.
    invert: Whether its inverse is used.
    containers: Bijectors that contain it, outermost first.
    place: Index among the parts of each container, outermost first.
  """

  bijector: FlowBijector
  invert: bool
  containers: tuple[FlowBijector, ...] = ()
  place: tuple[int, ...] = ()

  @property
  def name(self) -> str:
    """Name with that of the innermost chain: 'level_0_step_3/coupling'."""
    chains = [c.name for c in self.containers if isinstance(c, Chain)]
    return '/'.join([*chains[-1:], self.bijector.name])

  @property
  def level(self) -> int:
    """Level of a multi-scale flow to which the layer belongs, from 0."""
    return sum(isinstance(c, LeadingChannels) for c in self.containers)

  def value(self, x: tf.Tensor, backwards: bool = False) -> tf.Tensor:
    """Returns the output of the layer for an input x.

    Args:
      x: `Tensor` [N, ...].
      backwards: Whether x is the output and the input is returned.
    """
    if self.invert != backwards:
      return self.bijector.inverse(x)
    return self.bijector.forward(x)

  def value_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the output for x [N, ...], and the log-dets, [N] or []."""
    siblings = self.containers[-1].parts() if self.containers else ()
    shared = bool(siblings) and self.place[-1] in alike(siblings)
    event_ndims = x.shape.rank - 1
    return call(
      shared, evaluate, self.bijector, x, self.invert, event_ndims, {}
    )


def root(flow: Flow) -> FlowBijector:
  """Returns the bijector of a flow as a `FlowBijector`.

  Args:
    flow: Flow, whose bijector goes from latent to image, or any bijector.
  """
  return as_flow_bijector(flow if _is_bijector(flow) else flow.bijector)


def subtree(flow: Flow) -> Iterator[FlowBijector]:
  """Yields the bijector of a flow and all bijectors within it."""
  bijector = root(flow)
  yield bijector
  for part in bijector.parts():
    yield from subtree(part)


def walk(
  bijector: FlowBijector,
  x: tf.Tensor,
  visit: Callable[[Layer, tf.Tensor], tf.Tensor],
  *,
  invert: bool = False,
  opens: Callable[[FlowBijector], bool] = lambda bijector: True,
  enter: Callable[[FlowBijector, tf.Tensor], tf.Tensor] = lambda _, x: x,
  leave: Callable[[Layer], None] = lambda layer: None,
) -> tf.Tensor:
  """Passes a tensor through a bijector, layer by layer.

  Args:
    bijector: Bijector, such as `root(flow)`.
    x: `Tensor` [N, ...].
    visit: Function that is called with each layer and its input, and returns
      the output of the layer.
    invert: Whether to walk through the inverse of the bijector. For the
      bijector of a flow, this is the direction from image to latent.
    opens: Function that returns whether to visit the parts of a container.
      Otherwise the container is visited as one layer.
    enter: Function that is called with a container and the input of one of its
      parts, and returns the input to use instead.
    leave: Function that is called with each container after its parts.

  Returns:
    Output of the last layer.
  """

  def run(bijector, x, invert, containers, place):
    layer = Layer(bijector, invert, containers, place)
    if not (bijector.parts() and opens(bijector)):
      return visit(layer, x)
    inside, parts = (*containers, bijector), bijector.parts()

    def go(i, x, invert, kwargs):
      del kwargs
      return run(parts[i], enter(bijector, x), invert, inside, (*place, i))

    x = bijector.route(x, go, invert, {})
    leave(layer)
    return x

  return run(bijector, x, invert, (), ())


def walk_shapes(
  flow: Flow,
  event_shape: Sequence[int] | None,
  visit: Callable[[Layer, tf.TensorShape, tf.TensorShape], None],
  leave: Callable[[Layer], None] = lambda layer: None,
) -> None:
  """Visits the layers of a flow without evaluating them.

  Args:
    flow: Flow, whose layers are visited from image to latent; or bijector,
      whose layers are visited in the direction of its `forward`.
    event_shape: Static shape of an event. None means the event shape of the
      flow.
    visit: Function that is called with each layer, the input shape of its
      bijector's `forward`, and that of its `inverse`.
    leave: As in `walk`.

  Raises:
    ValueError: If the shape is missing or not static.
  """
  if event_shape is None and not _is_bijector(flow):
    event_shape = flow.event_shape
  if event_shape is None or None in list(event_shape):
    raise ValueError(
      f'{flow.name} has events of shape {event_shape}; a static shape is '
      'needed: pass `event_shape`.'
    )

  def visit_zeros(layer, x):
    shape = x.shape[1:]
    if layer.invert:
      other = layer.bijector.inverse_event_shape(shape)
      visit(layer, other, shape)
    else:
      other = layer.bijector.forward_event_shape(shape)
      visit(layer, shape, other)
    return tf.zeros([1, *other], x.dtype)

  zeros = tf.zeros([1, *event_shape], flow.dtype or tf.float32)
  invert = not _is_bijector(flow)
  walk(root(flow), zeros, visit_zeros, invert=invert, leave=leave)


def layers(
  flow: Flow, event_shape: Sequence[int] | None = None, chains: bool = False
) -> list[Layer]:
  """Returns the layers of a flow in the order from image to latent.

  Args:
    flow: Flow, or bijector, whose layers are in the order of its `forward`.
    event_shape: Static shape of an event. None means the event shape of the
      flow.
    chains: Whether to list chains too, each after its layers.
  """
  found = []

  def leave(layer):
    if chains and isinstance(layer.bijector, Chain):
      found.append(layer)

  walk_shapes(
    flow, event_shape, lambda layer, *shapes: found.append(layer), leave
  )
  return found


def map_bijectors(
  flow: Flow, function: Callable[[FlowBijector], FlowBijector]
) -> Flow:
  """Returns a flow with `function(bijector)` in place of each bijector.

  Args:
    flow: Flow or bijector.
    function: Function that is called with each bijector and returns its
      replacement. The parts of a container are replaced first, so that the
      function receives the container with its new parts.

  Returns:
    Flow or bijector of the same kind. It shares the Variables that the function
    keeps.
  """
  return map_places(flow, lambda bijector, place: function(bijector))


def map_places(
  flow: Flow,
  function: Callable[[FlowBijector, tuple[int, ...]], FlowBijector],
) -> Flow:
  """Does the same as `map_bijectors`, with the place as a second argument.

  Args:
    flow: Flow or bijector.
    function: Function as in `map_bijectors`. It is called with a bijector and
      its `Layer.place`.
  """
  if not _is_bijector(flow):
    return with_bijector(flow, map_places(flow.bijector, function))

  def mapped(bijector, place):
    parts = bijector.parts()
    new = [mapped(part, (*place, i)) for i, part in enumerate(parts)]
    if any(a is not b for a, b in zip(parts, new, strict=True)):
      bijector = bijector.with_parts(new)
    return function(bijector, place)

  if isinstance(flow, tfp_compat.INVERT):  # the result is a `tfb.Invert` too
    inner = mapped(as_flow_bijector(flow.bijector), (0,))
    return flow if inner is flow.bijector else tfb.Invert(inner, name=flow.name)
  return mapped(as_flow_bijector(flow), ())


def with_bijector(
  flow: tfd.TransformedDistribution, bijector: tfb.Bijector
) -> tfd.TransformedDistribution:
  """Returns a flow with another bijector.

  Unlike the result of TFP's `copy`, it holds no reference to the original flow.

  Args:
    flow: Flow.
    bijector: Bijector from latent to image.
  """
  return type(flow)(**{**flow.parameters, 'bijector': bijector})


def unique_name(name: str, taken: Container[str]) -> str:
  """Returns `name`, or NAME_2, NAME_3, ... if it is taken."""
  unique, number = name, 1
  while unique in taken:
    number += 1
    unique = f'{name}_{number}'
  return unique


def _is_bijector(flow):
  return isinstance(flow, tfb.Bijector)
