"""From images to vectors of latents and back."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.conditioning import condition_on

__all__ = ['check_latents', 'check_values', 'decode', 'encode', 'latent_size']

tfd = tfp.distributions


def encode(
  flow: tfd.TransformedDistribution, values, condition=None
) -> tf.Tensor:
  """The latents of images, as vectors.

  Args:
    flow: a flow over images [H, W, C], or over events of any shape.
    values: floating [N, H, W, C] in [-0.5, 0.5], as `tfp_cinc.dequantize` makes
      them.
    condition: of the images, as in `tfp_cinc.condition_on`, for a conditional
      flow.

  Returns:
    `Tensor` [N, D], the numbers of `flow.bijector.inverse(values)` in their
    order.

  Raises:
    ValueError: if `values` are not as above.

  #### Example

  >>> flow = tfp_cinc.models.glow([4, 4, 1], levels=1, depth=1, seed=0)
  >>> encode(flow, tf.zeros([2, 4, 4, 1])).shape
  TensorShape([2, 16])
  """
  # A tensor of its own: TFP would return what it has cached for `values`.
  values = tf.identity(check_values(flow, values))
  kwargs = {} if condition is None else condition_on(flow, condition)
  latents = flow.bijector.inverse(values, **kwargs)
  return tf.reshape(latents, [-1, latent_size(flow)])


def decode(
  flow: tfd.TransformedDistribution, latents, condition=None
) -> tf.Tensor:
  """The images of vectors of latents: the inverse of `encode`.

  Args:
    flow: as in `encode`.
    latents: floating [N, D].
    condition: as in `encode`.

  Returns:
    `Tensor` [N, H, W, C], in [-0.5, 0.5] where the latents are those of an
    image; `tfp_cinc.quantize` clips and rounds it to pixels.

  Raises:
    ValueError: if `latents` are not as above.
  """
  latents = check_latents(flow, latents)
  kwargs = {} if condition is None else condition_on(flow, condition)
  shape = [-1, *flow.distribution.event_shape]
  return flow.bijector.forward(tf.reshape(latents, shape), **kwargs)


def latent_size(flow: tfd.TransformedDistribution) -> int:
  """D, how many numbers the latents of an image have."""
  return math.prod(flow.distribution.event_shape.as_list())


def check_values(flow, values, name: str = 'values') -> tf.Tensor:
  """`values` in the flow's dtype, or a `ValueError` that says what is wrong."""
  values = tf.convert_to_tensor(values)
  if not values.dtype.is_floating:
    raise ValueError(
      f'`{name}` are {values.dtype.name}; a flow takes floating values in '
      '[-0.5, 0.5]: use `tfp_cinc.dequantize` on uint8 pixels.'
    )
  expected = [None, *flow.event_shape.as_list()]
  if not values.shape.is_compatible_with(expected):
    raise ValueError(
      f'`{name}` have shape {values.shape}; the flow takes '
      f'{["N", *expected[1:]]}.'
    )
  return tf.cast(tf.ensure_shape(values, expected), flow.dtype)


def check_latents(flow, latents, name: str = 'latents') -> tf.Tensor:
  """`latents` in the flow's dtype, or a `ValueError`."""
  latents = tf.convert_to_tensor(latents)
  size = latent_size(flow)
  if not latents.dtype.is_floating or not latents.shape.is_compatible_with(
    [None, size]
  ):
    raise ValueError(
      f'`{name}` are {latents.dtype.name} of shape {latents.shape}; the flow '
      f"takes floating ['N', {size}]."
    )
  return tf.cast(latents, flow.dtype)
