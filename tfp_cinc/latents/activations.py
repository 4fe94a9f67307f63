"""What is between images and latents."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.leading_channels import LeadingChannels
from tfp_cinc.bijectors.reshaped import Reshaped
from tfp_cinc.bijectors.reversible_chain import ReversibleChain
from tfp_cinc.internal.choices import nearest_name
from tfp_cinc.latents.encoding import decode, encode
from tfp_cinc.latents.layers import CHAINS, INVERT, is_move, unique_name

__all__ = ['activations', 'from_activations', 'layer_names', 'until']

tfb = tfp.bijectors
tfd = tfp.distributions


def activations(
  flow: tfd.TransformedDistribution, values, layer: str, condition=None
) -> tf.Tensor:
  """The activations of a layer, with the latents that left before it.

  They are D numbers, from which the image can be had back. Each has the place
  that it would have among the latents if no layer followed.

  Args:
    flow: a flow over images [H, W, C], or over events of any shape.
    values: floating [N, H, W, C] in [-0.5, 0.5].
    layer: one of `layer_names(flow)`; its output, on the way from image to
      latent, is taken.
    condition: as in `encode`.

  Returns:
    `Tensor` [N, D].

  Raises:
    ValueError: if there is no such layer, naming the nearest.
  """
  return encode(until(flow, layer), values, condition)


def from_activations(
  flow: tfd.TransformedDistribution, activations, layer: str, condition=None
) -> tf.Tensor:
  """The images of activations: the inverse of `activations`.

  Args:
    flow: as in `activations`.
    activations: floating [N, D].
    layer: as in `activations`.
    condition: as in `encode`.

  Returns:
    `Tensor` [N, H, W, C].

  Raises:
    ValueError: as in `activations` and `decode`.
  """
  return decode(until(flow, layer), activations, condition)


def until(
  flow: tfd.TransformedDistribution, layer: str
) -> tfd.TransformedDistribution:
  """The flow as far as a layer, from the image.

  The layers after it are left out, but for squeezes and permutations, so that
  what is left is a flow, of the same levels, whose latents are the activations
  of the layer. Whatever takes a flow takes it. Its density is no use.

  Args:
    flow: the flow, whose Variables it shares.
    layer: one of `layer_names(flow)`.

  Returns:
    `tfd.TransformedDistribution` with the base of `flow`.

  Raises:
    ValueError: if there is no such layer, naming the nearest.

  #### Example

  >>> flow = tfp_cinc.models.glow([4, 4, 1], levels=1, depth=2, seed=0)
  >>> x = tf.zeros([5, 4, 4, 1])
  >>> encode(until(flow, 'level_0_step_0'), x).shape
  TensorShape([5, 16])
  """
  cut = _Cut(layer)
  bijector = cut.run(flow.bijector, True, ())
  if not cut.is_behind:
    raise ValueError(
      f'there is no layer {layer!r} in {flow.name}'
      f'{nearest_name(layer, cut.names)}; `layer_names` lists them.'
    )
  return flow.copy(bijector=bijector or tfb.Identity())


def layer_names(flow: tfd.TransformedDistribution) -> list[str]:
  """The names of a flow's layers, in the order from image to latent.

  A layer has the name of the chain that holds it before its own, as
  'level_0_step_3/coupling', and a chain, which stands behind its layers, has
  its own, as 'level_0_step_3'. Where several would have one name, the second is
  NAME_2.

  Args:
    flow: the flow.

  Returns:
    A list without repetition.
  """
  cut = _Cut(None)
  cut.run(flow.bijector, True, ())
  return cut.names


class _Cut:
  """Leaves out what follows a layer.

  Attributes:
    names: of all layers so far.
    is_behind: whether the layer has been met.
  """

  def __init__(self, target):
    self._target = target
    self.names = []
    self.is_behind = False

  def run(self, bijector, invert, path):
    """What is left of a bijector, or None."""
    if isinstance(bijector, INVERT):
      inner = self.run(bijector.bijector, not invert, path)
      return inner and tfb.Invert(inner, name=bijector.name)
    if isinstance(bijector, LeadingChannels | Reshaped):
      inner = self.run(bijector.bijector, invert, path)
      return bijector.copy(bijector=inner or tfb.Identity(bijector.dtype))
    if isinstance(bijector, CHAINS):
      parts = bijector.bijectors if invert else bijector.bijectors[::-1]
      inner_path = (*path, bijector.name)
      kept = [self.run(part, invert, inner_path) for part in parts]
      self._meet(bijector.name)
      kept = [part for part in kept if part is not None]
      if not invert:
        kept = kept[::-1]
      if not kept:
        return None
      if isinstance(bijector, ReversibleChain):
        return ReversibleChain(kept, bijector.memory, name=bijector.name)
      return tfb.Chain(kept, name=bijector.name)
    left = bijector if is_move(bijector) or not self.is_behind else None
    self._meet('/'.join([*path[-1:], bijector.name]))
    return left

  def _meet(self, stem):
    name = unique_name(stem, self.names)
    self.names.append(name)
    if name == self._target:
      self.is_behind = True
