"""Flows whose weights are constants."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.internal.composite import tensors_of, with_tensors
from tfp_cinc.tree import Flow, map_places, root, walk_shapes, with_bijector

__all__ = ['freeze']


def freeze(flow: Flow, event_shape=None) -> Flow:
  """Returns a flow with constants in place of its Variables.

  What follows from the weights is computed here, once: the inverses of 1x1
  convolutions, and the matrices by which a causal or a periodic convolution is
  solved for images of the flow's size. It is for many calls with the same
  weights; exported models consist of these constants too. Later changes of the
  Variables have no effect on it, and gradients reach images and latents but not
  the weights. It can be used in several threads. Networks that are no composite
  tensors, such as Keras models, are copied with their Variables if they can be.

    frozen = tfp_cinc.freeze(flow)
    sample = tf.function(lambda seed: frozen.sample(16, seed=seed))
    for i in range(1000):
      images = sample(tf.constant([i, 0]))

  The matrices of a causal k x k convolution of C channels take 4 * (s^2 * C)^2
  numbers of memory, s = max(2, k - 1), and up to (3 k - 1) * (b * C)^2 if it
  looks ahead, b being its block of pixels; those of a periodic one take
  H * W * C^2 for images of [H, W].

  #### Example

  >>> flow = tfp_cinc.models.glow([4, 4, 1], levels=1, depth=1, seed=0)
  >>> frozen = tfp_cinc.freeze(flow)
  >>> frozen.sample(5, seed=1).shape, len(frozen.trainable_variables)
  (TensorShape([5, 4, 4, 1]), 0)

  Args:
    flow: A flow, or a bijector from image to latent.
    event_shape: Shape of its events; None for that of the flow. A bijector
      needs it.

  Returns:
    A flow or bijector of the same kind, for events of this shape only.

  Raises:
    ValueError: If the shape is missing or not static.
  """
  shapes = {}  # of the inputs of `forward`, by place

  def record(layer, shape, _):
    shapes[layer.place] = shape

  walk_shapes(flow, event_shape, record)
  tree = root(flow)
  frozen = map_places(
    tree,
    lambda bijector, place: (
      bijector.freeze(shapes[place]) if place in shapes else bijector
    ),
  )
  if isinstance(flow, tfp.bijectors.Bijector):
    return frozen
  flow = with_bijector(flow, frozen)
  base = flow.distribution
  constants = map(tf.convert_to_tensor, tensors_of(base))
  return flow.copy(distribution=with_tensors(base, constants))
