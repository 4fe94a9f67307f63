"""Conversion of the weights of a flow to constants."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.internal.composite import tensors_of, with_tensors
from tfp_cinc.tree import Flow, map_places, root, walk_shapes, with_bijector

__all__ = ['freeze']


def freeze(flow: Flow, event_shape: Sequence[int] | None = None) -> Flow:
  """Returns a copy of a flow with constants in place of its Variables.

  Use it for many calls with the same weights. Results that depend only on the
  weights are computed once: the inverses of 1x1 convolutions, and the matrices
  that invert causal and periodic convolutions for the given image size.
  Exported models contain the same constants.

  Later changes of the Variables have no effect on the frozen flow. Gradients
  with respect to images and latents are available; gradients with respect to
  the weights are not. The frozen flow can be used in several threads. Networks
  that are not composite tensors, such as Keras models, are copied with their
  Variables if they can be copied.

    frozen = tfp_cinc.freeze(flow)
    sample = tf.function(lambda seed: frozen.sample(16, seed=seed))
    for i in range(1000):
      images = sample(tf.constant([i, 0]))

  For a k x k convolution of C channels, the matrices have the following number
  of elements:

  - causal: 4 * (s^2 * C)^2, with s = max(2, k - 1);
  - causal with lookahead, as in `AutoregressiveConv2D`: at most
    (3 k - 1) * (b * C)^2 for blocks of b pixels;
  - periodic: H * W * C^2 for images of H x W pixels.

  #### Example

  >>> flow = tfp_cinc.models.glow([4, 4, 1], levels=1, depth=1, seed=0)
  >>> frozen = tfp_cinc.freeze(flow)
  >>> frozen.sample(5, seed=1).shape, len(frozen.trainable_variables)
  (TensorShape([5, 4, 4, 1]), 0)

  Args:
    flow: Flow, or bijector from image to latent.
    event_shape: Shape of an event. None means the event shape of the flow. It
      is required for a bijector.

  Returns:
    Flow or bijector of the same kind, for events of this shape only.

  Raises:
    ValueError: If the shape is missing or not static.
  """
  shapes = {}  # maps the place of a layer to the input shape of its `forward`

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
