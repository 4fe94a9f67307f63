"""How exactly each layer of a flow gives back what it was given."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfp_cinc.tree import root, walk
from training.flow_with_noise import full_precision

__all__ = ['LayerError', 'layer_errors']


@dataclasses.dataclass(frozen=True)
class LayerError:
  """What a layer's inverse left of some images.

  Attributes:
    name: the innermost chain and the layer, as 'level_0_step_3/coupling'.
    kind: the class of the layer.
    largest_input: the largest absolute value that reached it.
    error: the largest absolute difference between that and what its inverse
      made of what it made of it; infinite where something was not finite.
  """

  name: str
  kind: str
  largest_input: float
  error: float


def layer_errors(flow, values: tf.Tensor) -> list[LayerError]:
  """The round trip of each layer at its own input, in full precision.

  Values go through the flow from image to latent, so that each layer gets what
  it gets in use; errors of the layers before it are none of its own. Layers
  that only give numbers other places are left out.

  Args:
    flow: `tfd.TransformedDistribution` over images.
    values: floating [N, H, W, C], of the flow's dtype.

  Returns:
    A `LayerError` for each layer, in the order from image to latent.
  """
  found, exact = [], root(full_precision(flow))

  def visit(layer, x):
    y = layer.value(x)
    if not layer.bijector.only_permutes:
      # A tensor of its own: TFP would return the x that it has cached.
      error = tf.abs(layer.value(tf.identity(y), backwards=True) - x)
      finite = tf.where(tf.math.is_finite(error), error, np.inf)
      largest = tf.reduce_max(tf.abs(x))
      found.append((layer, largest, tf.reduce_max(finite)))
    return y

  @tf.function(autograph=False)
  def errors(values):
    walk(exact, values, visit, invert=True)
    return [numbers for _, *numbers in found]

  numbers = errors(values)
  return [
    LayerError(
      layer.name,
      type(layer.bijector).__name__,
      float(largest),
      float(error),
    )
    for (layer, *_), (largest, error) in zip(found, numbers, strict=True)
  ]
