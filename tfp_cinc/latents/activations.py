"""Activations of the layers between images and latents."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.adapted import as_flow_bijector
from tfp_cinc.bijectors.chain import Chain
from tfp_cinc.internal.choices import nearest_name
from tfp_cinc.internal.types import TensorLike
from tfp_cinc.latents.encoding import decode, encode
from tfp_cinc.tree import layers, map_places, unique_name

__all__ = ['activations', 'from_activations', 'layer_names', 'until']

tfb = tfp.bijectors
tfd = tfp.distributions


def activations(
  flow: tfd.TransformedDistribution,
  values: TensorLike,
  layer: str,
  condition: TensorLike | None = None,
) -> tf.Tensor:
  """Returns the activations of a layer and the latents factored out before it.

  These are D numbers in total, from which `from_activations` reconstructs the
  image. Each number is at the position that it would have among the latents if
  no layer followed.

  Args:
    flow: Flow over images [H, W, C], or over events of any shape.
    values: Floating `Tensor` [N, H, W, C] in [-0.5, 0.5].
    layer: Name of the layer, one of `layer_names(flow)`. The activations are
      its output in the direction from image to latent.
    condition: Condition of the images, as in `encode`.

  Returns:
    `Tensor` [N, D].

  Raises:
    ValueError: If there is no such layer; the message suggests a similar name.
  """
  return encode(until(flow, layer), values, condition)


def from_activations(
  flow: tfd.TransformedDistribution,
  activations: TensorLike,
  layer: str,
  condition: TensorLike | None = None,
) -> tf.Tensor:
  """Returns the images for given activations: the inverse of `activations`.

  Args:
    flow: Flow, as in `activations`.
    activations: Floating `Tensor` [N, D].
    layer: Name of the layer, as in `activations`.
    condition: Condition of the images, as in `encode`.

  Returns:
    `Tensor` [N, H, W, C].

  Raises:
    ValueError: If there is no such layer, or `activations` have the wrong
      shape.
  """
  return decode(until(flow, layer), activations, condition)


def until(
  flow: tfd.TransformedDistribution, layer: str
) -> tfd.TransformedDistribution:
  """Returns a flow that ends at a layer.

  All layers after it, in the direction from image to latent, are replaced by
  the identity, except for squeezes and permutations. The result has the same
  levels, and its latents are the activations of the layer. It can be passed to
  any function that takes a flow, but its density has no meaning.

  #### Example

  >>> flow = tfp_cinc.models.glow([4, 4, 1], levels=1, depth=2, seed=0)
  >>> x = tf.zeros([5, 4, 4, 1])
  >>> encode(until(flow, 'level_0_step_0'), x).shape
  TensorShape([5, 16])

  Args:
    flow: Flow; the result shares its Variables.
    layer: Name of the layer, one of `layer_names(flow)`.

  Returns:
    `tfd.TransformedDistribution` with the base of `flow`.

  Raises:
    ValueError: If there is no such layer; the message suggests a similar name.
  """
  names, places = zip(*_named_places(flow), strict=True)
  if layer not in names:
    raise ValueError(
      f'there is no layer {layer!r} in {flow.name}'
      f'{nearest_name(layer, names)}; `layer_names` lists all layers.'
    )
  later = set(places[names.index(layer) + 1 :])

  def cut(bijector, place):
    is_container = bijector.parts()
    if place not in later or is_container or bijector.only_permutes:
      return bijector
    return as_flow_bijector(tfb.Identity(bijector.dtype, name=bijector.name))

  return map_places(flow, cut)


def layer_names(flow: tfd.TransformedDistribution) -> list[str]:
  """Returns the names of a flow's layers, in the order from image to latent.

  The name of a layer starts with the name of its chain, as in
  'level_0_step_3/coupling'. Chains are also listed, each after its layers and
  under its own name, as in 'level_0_step_3'. If several layers have the same
  name NAME, the second one is called NAME_2, and so on.

  Args:
    flow: Flow over images, or over events of any shape.

  Returns:
    List of distinct names.
  """
  return [name for name, _ in _named_places(flow)]


def _named_places(flow):
  """Returns (name, place) of each layer and chain, from image to latent."""
  found = []
  for layer in layers(flow, chains=True):
    is_chain = isinstance(layer.bijector, Chain)
    stem = layer.bijector.name if is_chain else layer.name
    name = unique_name(stem, [name for name, _ in found])
    found.append((name, layer.place))
  return found
