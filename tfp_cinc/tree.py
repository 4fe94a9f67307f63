"""A flow as a tree of bijectors: walks through it, and new flows from it.

Chains and other containers have parts; see `FlowBijector.parts`, `with_parts`
and `route`. Everything that goes through a flow is a function for one of

- `walk`, which takes values through the layers one after the other, and
- `map_bijectors`, which replaces bijectors and keeps the rest.
"""

import dataclasses
from collections.abc import Callable, Container, Iterator

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

Flow = tfd.TransformedDistribution | tfb.Bijector


@dataclasses.dataclass(frozen=True)
class Layer:
  """A bijector within a flow, and where it is.

  Attributes:
    bijector: The bijector.
    invert: Whether the walk uses its inverse.
    containers: The bijectors that it is within, the outermost first.
    place: Its index among the parts of each container, the outermost first.
  """

  bijector: FlowBijector
  invert: bool
  containers: tuple[FlowBijector, ...] = ()
  place: tuple[int, ...] = ()

  @property
  def name(self) -> str:
    """The innermost chain and the layer, as 'level_0_step_3/coupling'."""
    chains = [c.name for c in self.containers if isinstance(c, Chain)]
    return '/'.join([*chains[-1:], self.bijector.name])

  @property
  def level(self) -> int:
    """The level of a multi-scale flow, from 0."""
    return sum(isinstance(c, LeadingChannels) for c in self.containers)

  def value(self, x: tf.Tensor, backwards: bool = False) -> tf.Tensor:
    """Returns what it makes of x [N, ...], or what x was made of."""
    if self.invert != backwards:
      return self.bijector.inverse(x)
    return self.bijector.forward(x)

  def value_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what it makes of x [N, ...], and its log-dets, [N] or []."""
    siblings = self.containers[-1].parts() if self.containers else ()
    shared = bool(siblings) and self.place[-1] in alike(siblings)
    event_ndims = x.shape.rank - 1
    return call(
      shared, evaluate, self.bijector, x, self.invert, event_ndims, {}
    )


def root(flow: Flow) -> FlowBijector:
  """Returns the bijector of a flow with the protocol of `FlowBijector`.

  Args:
    flow: A flow, whose bijector goes from latent to image, or any bijector.
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
  """Takes x through a bijector layer by layer.

  Args:
    bijector: A bijector, such as `root(flow)`.
    x: Values [N, ...].
    visit: Called for each layer with its input; returns its output.
    invert: Whether to walk through the inverse of the bijector: for that of a
      flow, from image to latent.
    opens: Whether to go through the parts of a container; if not, it counts as
      one layer.
    enter: Called with a container and what it passes to a part; returns what
      the part is to receive.
    leave: Called with each container after its parts.

  Returns:
    The output of the last layer.
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
  event_shape,
  visit: Callable[[Layer, tf.TensorShape, tf.TensorShape], None],
  leave: Callable[[Layer], None] = lambda layer: None,
) -> None:
  """Goes through the layers of a flow without computing them.

  Args:
    flow: A flow, whose layers are visited from image to latent; or a bijector,
      whose layers are visited in the direction of its `forward`.
    event_shape: Static shape of an event; None for that of the flow.
    visit: Called with each layer and the shapes of the inputs of its
      bijector's `forward` and of its `inverse`.
    leave: As in `walk`.

  Raises:
    ValueError: If the shape is missing or not static.
  """
  if event_shape is None and not _is_bijector(flow):
    event_shape = flow.event_shape
  if event_shape is None or None in list(event_shape):
    raise ValueError(
      f'{flow.name} has events of shape {event_shape}; their shape must be '
      'static here: `event_shape` can give it.'
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


def layers(flow: Flow, event_shape=None, chains: bool = False) -> list[Layer]:
  """Returns the layers of a flow in the order from image to latent.

  Args:
    flow: A flow; or a bijector, in the order of its `forward`.
    event_shape: Static shape of an event; None for that of the flow.
    chains: Whether to list the chains too, each after its layers.
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
    flow: A flow or a bijector.
    function: Called for each bijector, the parts of a container before it, with
      their replacements already within it.

  Returns:
    A flow or bijector of the same kind, on the same Variables where the
    function leaves them.
  """
  return map_places(flow, lambda bijector, place: function(bijector))


def map_places(
  flow: Flow,
  function: Callable[[FlowBijector, tuple[int, ...]], FlowBijector],
) -> Flow:
  """As `map_bijectors`, of a function of a bijector and its `Layer.place`."""
  if not _is_bijector(flow):
    return with_bijector(flow, map_places(flow.bijector, function))

  def mapped(bijector, place):
    parts = bijector.parts()
    new = [mapped(part, (*place, i)) for i, part in enumerate(parts)]
    if any(a is not b for a, b in zip(parts, new, strict=True)):
      bijector = bijector.with_parts(new)
    return function(bijector, place)

  if isinstance(flow, tfp_compat.INVERT):  # stays one of TFP's
    inner = mapped(as_flow_bijector(flow.bijector), (0,))
    return flow if inner is flow.bijector else tfb.Invert(inner, name=flow.name)
  return mapped(as_flow_bijector(flow), ())


def with_bijector(
  flow: tfd.TransformedDistribution, bijector: tfb.Bijector
) -> tfd.TransformedDistribution:
  """Returns a flow with another bijector.

  Unlike a `copy` of TFP's, it does not keep the flow that it was made from.

  Args:
    flow: A flow.
    bijector: From latent to image.
  """
  return type(flow)(**{**flow.parameters, 'bijector': bijector})


def unique_name(name: str, taken: Container[str]) -> str:
  """Returns `name`, or NAME_2 and so on if it is taken."""
  unique, number = name, 1
  while unique in taken:
    number += 1
    unique = f'{name}_{number}'
  return unique


def _is_bijector(flow):
  return isinstance(flow, tfb.Bijector)
