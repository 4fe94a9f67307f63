"""Interpolation between images."""

import numbers

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.shapes import check_events
from tfp_cinc.internal.types import TensorLike
from tfp_cinc.latents.encoding import decode, encode

__all__ = ['METHODS', 'interpolate', 'interpolate_latents']

tfd = tfp.distributions


def interpolate(
  flow: tfd.TransformedDistribution,
  first: TensorLike,
  second: TensorLike,
  steps: int,
  method: str = 'linear',
  condition: TensorLike | None = None,
) -> tf.Tensor:
  """Returns images between two images by interpolating their latents.

  Args:
    flow: Flow over images [H, W, C].
    first: First images, floating `Tensor` [N, H, W, C] in [-0.5, 0.5].
    second: Second images, of the same shape as `first`.
    steps: Number of images to return, including the two ends; at least 2.
    method: Method, 'linear' or 'spherical'; see `interpolate_latents`.
    condition: Condition of all images, without a batch shape, for a conditional
      flow; see `tfp_cinc.given`.

  Returns:
    `Tensor` [N, steps, H, W, C]. The first and the last of the `steps` images
    are `first` and `second`.

  Raises:
    ValueError: If an argument is not as described above; the message names it.
  """
  first = check_events(flow, first, 'first')
  second = check_events(flow, second, 'second')
  if not first.shape.is_compatible_with(second.shape):
    raise ValueError(
      f'`first` has shape {first.shape} and `second` {second.shape}; they must '
      'have the same number of images.'
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
  first: TensorLike,
  second: TensorLike,
  steps: int | tf.Tensor,
  method: str = 'linear',
) -> tf.Tensor:
  """Returns latents between two latents.

  For t from 0 to 1 in equal steps, and the angle w between the two vectors:

  ```
  linear:    (1 - t) z_1 + t z_2
  spherical: (sin((1 - t) w) z_1 + sin(t w) z_2) / sin(w)
  ```

  Almost all latents of a normal distribution have a length close to sqrt(D),
  and spherical interpolation keeps this length. The middle of a linear path is
  shorter, so that its image is smoother, as at a lower temperature. If the
  vectors have the same or opposite directions, the spherical path is undefined
  and the linear path is used.

  #### Example

  >>> latents = interpolate_latents([0.0, 2.0], [2.0, 0.0], 3, 'spherical')
  >>> print(latents.numpy().round(3))
  [[0.    2.   ]
   [1.414 1.414]
   [2.    0.   ]]

  #### References

  White 2016, [Sampling Generative Networks](https://arxiv.org/abs/1609.04468).

  Args:
    first: First latents, floating `Tensor` [..., D].
    second: Second latents, `Tensor` of the same shape.
    steps: Number of latents to return, including the two ends; at least 2. An
      int or an int32 `Tensor`.
    method: Method, 'linear' or 'spherical'.

  Returns:
    `Tensor` [..., steps, D].

  Raises:
    ValueError: If `steps` is less than 2 or `method` is unknown.
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
  is_plane = tf.abs(cosine) < 1.0 - 1e-6  # the two vectors span a plane
  angle = tf.acos(tf.where(is_plane, cosine, 0.0))
  spherical = (
    tf.sin((1.0 - t) * angle) * first + tf.sin(t * angle) * second
  ) / tf.sin(angle)
  return tf.where(is_plane, spherical, _linear(first, second, t))


# Maps names to functions of two tensors [..., 1, D] and t [steps, 1].
METHODS = {'linear': _linear, 'spherical': _spherical}
