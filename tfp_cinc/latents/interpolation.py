"""Images between two images."""

import numbers

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.internal.choices import check_choice
from tfp_cinc.latents.encoding import check_values, decode, encode

__all__ = ['METHODS', 'interpolate', 'interpolate_latents']

tfd = tfp.distributions


def interpolate(
  flow: tfd.TransformedDistribution,
  first,
  second,
  steps: int,
  method: str = 'linear',
  condition=None,
) -> tf.Tensor:
  """Images between two images, by their latents.

  Args:
    flow: a flow over images [H, W, C].
    first: floating [N, H, W, C] in [-0.5, 0.5].
    second: the same number of images.
    steps: how many images to make, the two included; at least 2.
    method: 'linear' or 'spherical', see `interpolate_latents`.
    condition: one for all images, [K], for a conditional flow.

  Returns:
    `Tensor` [N, steps, H, W, C]; the first and last images are those given.

  Raises:
    ValueError: if an argument is not as above, naming it.
  """
  first = check_values(flow, first, 'first')
  second = check_values(flow, second, 'second')
  if not first.shape.is_compatible_with(second.shape):
    raise ValueError(
      f'`first` has shape {first.shape} and `second` {second.shape}; they must '
      'be as many images.'
    )
  latents = interpolate_latents(
    encode(flow, first, condition),
    encode(flow, second, condition),
    steps,
    method,
  )
  shape = tf.shape(latents)
  values = decode(flow, tf.reshape(latents, [-1, latents.shape[-1]]), condition)
  return tf.reshape(
    values, tf.concat([shape[:2], flow.event_shape.as_list()], 0)
  )


def interpolate_latents(
  first, second, steps, method: str = 'linear'
) -> tf.Tensor:
  """Latents between two latents.

  With t from 0 to 1 in equal steps and w the angle between the two vectors:

    linear:    (1 - t) z_1 + t z_2
    spherical: (sin((1 - t) w) z_1 + sin(t w) z_2) / sin(w)

  Latents of a normal distribution have almost all the same length, sqrt(D);
  the spherical way keeps to it, where the middle of the linear one is shorter
  and its image smoother, as at a lower temperature (White 2016, Sampling
  Generative Networks). Between vectors of the same or of opposite direction,
  where w says no way, it is the linear one.

  Args:
    first: floating `Tensor` [..., D].
    second: `Tensor` of the same shape.
    steps: how many to make, the two included; at least 2, an int or an int32
      `Tensor`.
    method: 'linear' or 'spherical'.

  Returns:
    `Tensor` [..., steps, D].

  Raises:
    ValueError: if `steps` is less than 2 or `method` is unknown.

  #### Example

  >>> latents = interpolate_latents([0.0, 2.0], [2.0, 0.0], 3, 'spherical')
  >>> print(latents.numpy().round(3))
  [[0.    2.   ]
   [1.414 1.414]
   [2.    0.   ]]
  """
  check_choice('method', method, METHODS)
  if isinstance(steps, numbers.Real) and steps < 2:
    raise ValueError(f'`steps` is {steps}; it must be at least 2.')
  first = tf.convert_to_tensor(first)[..., tf.newaxis, :]
  second = tf.convert_to_tensor(second, first.dtype)[..., tf.newaxis, :]
  t = tf.linspace(tf.zeros([], first.dtype), tf.ones([], first.dtype), steps)
  return METHODS[method](first, second, t[:, tf.newaxis])


def _linear(first, second, t):
  return (1.0 - t) * first + t * second


def _spherical(first, second, t):
  cosine = tf.reduce_sum(
    tf.math.l2_normalize(first, -1) * tf.math.l2_normalize(second, -1),
    axis=-1,
    keepdims=True,
  )
  is_plane = tf.abs(cosine) < 1.0 - 1e-6  # the two vectors span one
  angle = tf.acos(tf.where(is_plane, cosine, 0.0))
  spherical = (
    tf.sin((1.0 - t) * angle) * first + tf.sin(t * angle) * second
  ) / tf.sin(angle)
  return tf.where(is_plane, spherical, _linear(first, second, t))


# From a word to a function of two `Tensor`s [..., 1, D] and t [steps, 1].
METHODS = {'linear': _linear, 'spherical': _spherical}
