"""The layers of a flow, one after the other."""

import dataclasses
from collections.abc import Callable, Container

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.leading_channels import LeadingChannels
from tfp_cinc.bijectors.permute_channels import ReverseChannels, ShuffleChannels
from tfp_cinc.bijectors.reshaped import Reshaped
from tfp_cinc.bijectors.reversible_chain import ReversibleChain
from tfp_cinc.bijectors.squeeze import Squeeze

__all__ = [
  'CHAINS',
  'INVERT',
  'Layer',
  'holds_levels',
  'is_move',
  'unique_name',
  'walk',
]

tfb = tfp.bijectors

# TFP's chains and inversions are of several classes, of which these are the
# common ones.
CHAINS = (tfb.Chain.__mro__[1], ReversibleChain)
INVERT = tfb.Invert.__mro__[1]

_MOVES = (Squeeze, ReverseChannels, ShuffleChannels, tfb.Permute, tfb.Reshape)


@dataclasses.dataclass(frozen=True)
class Layer:
  """A bijector within a flow, and where it stands.

  Attributes:
    bijector: the bijector.
    invert: whether the flow uses its inverse on the way that is walked.
    path: names of the chains that hold it, the outermost first.
    level: of the multi-scale flow, from 0.
    kwargs: the conditions that it takes.
  """

  bijector: tfb.Bijector
  invert: bool
  path: tuple[str, ...]
  level: int
  kwargs: dict
  _chain: ReversibleChain | None

  @property
  def name(self) -> str:
    """The innermost chain and the layer, as 'level_0_step_3/coupling'."""
    return '/'.join([*self.path[-1:], self.bijector.name])

  def value(self, x: tf.Tensor, backwards: bool = False) -> tf.Tensor:
    """What it makes of x [N, ...]; backwards, what it was made of."""
    if self.invert != backwards:
      return self.bijector.inverse(x, **self.kwargs)
    return self.bijector.forward(x, **self.kwargs)

  def value_and_log_det(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """What it makes of x [N, ...], and its log-dets [N] or []."""
    if self._chain is not None:  # whose layers that are alike share a trace
      return self._chain.run_part(self.bijector, x, self.invert, self.kwargs)
    bijector, ndims = self.bijector, x.shape.rank - 1
    if self.invert:
      return bijector.inverse(
        x, **self.kwargs
      ), bijector.inverse_log_det_jacobian(x, ndims, **self.kwargs)
    return bijector.forward(
      x, **self.kwargs
    ), bijector.forward_log_det_jacobian(x, ndims, **self.kwargs)


def walk(
  bijector: tfb.Bijector,
  x: tf.Tensor,
  visit: Callable[[Layer, tf.Tensor], tf.Tensor],
  *,
  invert: bool = False,
  kwargs: dict | None = None,
  opens: Callable[[tfb.Bijector], bool] = lambda bijector: True,
  enter: Callable[[tf.Tensor], tf.Tensor] = lambda x: x,
) -> tf.Tensor:
  """Takes x through a bijector layer by layer.

  Args:
    bijector: any bijector.
    x: values [N, ...].
    visit: called for each layer with what reaches it; returns what leaves it.
    invert: whether the bijector's inverse is meant: for the `bijector` of a
      flow, the way from image to latent.
    kwargs: conditions, as `condition_on` gives them.
    opens: whether to go through the parts of a chain, an inversion and the
      like; it is one layer where not.
    enter: called with the channels that go on to another level, those within
      `LeadingChannels`; returns what goes on.

  Returns:
    What leaves the last layer.
  """

  def run(bijector, x, invert, path, level, kwargs, chain=None):
    if opens(bijector):
      if isinstance(bijector, INVERT):
        inner = bijector.bijector
        return run(inner, x, not invert, path, level, kwargs)
      if isinstance(bijector, LeadingChannels):
        count = bijector.num_channels
        first = enter(x[..., :count])
        inner = bijector.bijector
        first = run(inner, first, invert, path, level + 1, kwargs)
        return tf.concat([first, x[..., count:]], -1)
      if isinstance(bijector, Reshaped):
        inner = tf.reshape(x, [-1, *bijector.inner_shape])
        inner = run(bijector.bijector, inner, invert, path, level, kwargs)
        return tf.reshape(inner, [-1, *bijector.event_shape])
      if isinstance(bijector, CHAINS):
        path = (*path, bijector.name)
        chain = bijector if isinstance(bijector, ReversibleChain) else None
        parts = bijector.bijectors
        for part in parts if invert else parts[::-1]:
          own = kwargs.get(part.name, {})
          x = run(part, x, invert, path, level, own, chain)
        return x
    return visit(Layer(bijector, invert, path, level, kwargs, chain), x)

  return run(bijector, x, invert, (), 0, kwargs or {})


def is_move(bijector: tfb.Bijector) -> bool:
  """Whether a bijector gives numbers other places and changes none of them."""
  if isinstance(bijector, INVERT):
    return is_move(bijector.bijector)
  return isinstance(bijector, _MOVES)


def unique_name(name: str, taken: Container[str]) -> str:
  """`name`, or NAME_2 and so on where it is taken."""
  unique, number = name, 1
  while unique in taken:
    number += 1
    unique = f'{name}_{number}'
  return unique


def holds_levels(bijector: tfb.Bijector) -> bool:
  """Whether there is a `LeadingChannels` in a bijector, or it is one."""
  return any(
    isinstance(module, LeadingChannels)
    for module in (bijector, *bijector.submodules)
  )
