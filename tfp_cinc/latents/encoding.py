"""Conversion of images to latent vectors and back."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.conditioning import given
from tfp_cinc.internal.shapes import check_events
from tfp_cinc.internal.types import TensorLike

__all__ = ['check_latents', 'decode', 'encode', 'latent_size']

tfd = tfp.distributions


def encode(
  flow: tfd.TransformedDistribution,
  values: TensorLike,
  condition: TensorLike | None = None,
) -> tf.Tensor:
  """Returns the latents of images as vectors.

  #### Example

  >>> flow = tfp_cinc.models.glow([4, 4, 1], levels=1, depth=1, seed=0)
  >>> encode(flow, tf.zeros([2, 4, 4, 1])).shape
  TensorShape([2, 16])

  Args:
    flow: Flow over images [H, W, C], or over events of any shape.
    values: Floating `Tensor` [N, H, W, C] in [-0.5, 0.5], as returned by
      `tfp_cinc.dequantize`.
    condition: Condition of the images for a conditional flow, as in
      `tfp_cinc.given`.

  Returns:
    `Tensor` [N, D], the flattened `flow.bijector.inverse(values)`.

  Raises:
    ValueError: If `values` are not as described above.
  """
  # A new tensor, because TFP would return the cached result for `values`.
  values = tf.identity(check_events(flow, values, 'values'))
  flow = flow if condition is None else given(flow, condition)
  latents = flow.bijector.inverse(values)
  return tf.reshape(latents, [-1, latent_size(flow)])


def decode(
  flow: tfd.TransformedDistribution,
  latents: TensorLike,
  condition: TensorLike | None = None,
) -> tf.Tensor:
  """Returns the images for latent vectors: the inverse of `encode`.

  Args:
    flow: Flow, as in `encode`.
    latents: Floating `Tensor` [N, D].
    condition: Condition of the images, as in `encode`.

  Returns:
    `Tensor` [N, H, W, C]. Its values are in [-0.5, 0.5] if the latents are
    those of images. `tfp_cinc.quantize` clips and rounds them to pixels.

  Raises:
    ValueError: If `latents` are not as described above.
  """
  latents = check_latents(flow, latents)
  flow = flow if condition is None else given(flow, condition)
  shape = [-1, *flow.distribution.event_shape]
  return flow.bijector.forward(tf.reshape(latents, shape))


def latent_size(flow: tfd.TransformedDistribution) -> int:
  """Returns the number D of latents of an image."""
  return math.prod(flow.distribution.event_shape.as_list())


def check_latents(flow, latents, name: str = 'latents') -> tf.Tensor:
  """Returns `latents` in the dtype of the flow.

  Raises:
    ValueError: If they are not floating or have the wrong shape.
  """
  latents = tf.convert_to_tensor(latents)
  size = latent_size(flow)
  if not latents.dtype.is_floating or not latents.shape.is_compatible_with(
    [None, size]
  ):
    raise ValueError(
      f'`{name}` are {latents.dtype.name} of shape {latents.shape}; the flow '
      f'takes floating [N, {size}].'
    )
  return tf.cast(latents, flow.dtype)
