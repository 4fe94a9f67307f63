"""Measures the round-trip error of each layer of a flow."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfp_cinc.tree import root, walk
from training.loop.flow_with_noise import full_precision

__all__ = ['LayerError', 'layer_errors']


@dataclasses.dataclass(frozen=True)
class LayerError:
  """The round-trip error of a layer for some images.

  Attributes:
    name: Names of the innermost chain and the layer, such as
      'level_0_step_3/coupling'.
    kind: Class name of the layer.
    largest_input: Largest absolute input value.
    error: Largest absolute difference between the input and its reconstruction,
      or infinity if a difference is not finite.
  """

  name: str
  kind: str
  largest_input: float
  error: float


def layer_errors(flow, values: tf.Tensor) -> list[LayerError]:
  """Returns the round-trip error of each layer, in full precision.

  Values go through the flow from image to latent, so each layer gets the input
  that it has in use, and its error does not include errors of other layers.
  Layers that only permute values are skipped.

  Args:
    flow: A `tfd.TransformedDistribution` over images.
    values: Floating tensor [N, H, W, C] of the flow's dtype.

  Returns:
    A `LayerError` for each layer, in the order from image to latent.
  """
  found, exact = [], root(full_precision(flow))

  def visit(layer, x):
    y = layer.value(x)
    if not layer.bijector.only_permutes:
      # A new tensor: for y itself TFP would return the cached x.
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
