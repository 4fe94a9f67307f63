"""Removal of Gaussian noise from images, by the density of a flow."""

import numbers

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.internal.types import TensorLike

__all__ = ['denoise']

tfd = tfp.distributions


def denoise(
  flow: tfd.TransformedDistribution, images: TensorLike, noise_scale: TensorLike
) -> tf.Tensor:
  """Returns the expected images without Gaussian noise, given noisy images.

  A flow that is trained on images with Gaussian noise has the density p of
  noisy images, and its samples have the noise too. For noise with the standard
  deviation s = noise_scale and the right density, the mean of the images
  without noise is, by Tweedie's formula,

  ```
  E[x | y] = y + s^2 * d/dy log p(y),  y = x + s * e,  e ~ N(0, I)
  ```

  Any distribution with a density will do, also `tfp_cinc.given(flow,
  condition)`. The function can be called inside a `tf.function`, and it is
  differentiable if `flow.log_prob` is differentiable twice.

  Cost: one `flow.log_prob` and its gradient with respect to the images.

  #### Example

  A normal distribution with the variance 0.25 as the density of noisy images.
  The noise has the variance 0.1^2:

  >>> flow = tfp.distributions.TransformedDistribution(
  ...   tfp.distributions.Sample(tfp.distributions.Normal(0.0, 1.0), [1, 1, 1]),
  ...   tfb.Scale(0.5),
  ... )
  >>> clean = tfp_cinc.denoise(flow, [[[0.25]]], noise_scale=0.1)
  >>> round(clean.numpy().item(), 5)  # 0.25 * (1 - 0.1^2 / 0.25)
  0.24

  #### References

  Zhai et al. 2024, [TarFlow](https://arxiv.org/abs/2412.06329), its sections on
  noise augmented training and on score based denoising; Vincent 2011, [A
  connection between score matching and denoising
  autoencoders](https://doi.org/10.1162/NECO_a_00142); Efron 2011, [Tweedie's
  formula and selection bias](https://doi.org/10.1198/jasa.2011.tm11181).

  Args:
    flow: Flow that was trained on images with Gaussian noise.
    images: Floating `Tensor` [..., H, W, C] in the range of the flow,
      [-0.5, 0.5], such as samples of the flow.
    noise_scale: Standard deviation s of the noise in the same range, a number
      of at least 0 or a scalar `Tensor`. Noise of 0.05 for pixels in [-1, 1],
      as in the paper, is 0.025 here.

  Returns:
    `Tensor` of the shape of `images`.

  Raises:
    ValueError: If `images` are not floating or have another shape than those of
      the flow, if their batch shape is not that of `flow.log_prob(images)`, or
      if `noise_scale` is negative. If the batch shapes are known only when a
      `tf.function` runs, they raise `tf.errors.InvalidArgumentError`.
  """
  images = tf.convert_to_tensor(images)
  if not images.dtype.is_floating:
    raise ValueError(
      f'`images` are {images.dtype.name}; `denoise` takes floating values in '
      '[-0.5, 0.5], such as `flow.sample(4)`.'
    )
  if isinstance(noise_scale, numbers.Real) and not float(noise_scale) >= 0:
    raise ValueError(f'`noise_scale` is {noise_scale}; it must be at least 0.')
  rank = flow.event_shape.rank
  if not images.shape[-rank:].is_compatible_with(flow.event_shape):
    raise ValueError(
      f'`images` have shape {images.shape}; the flow takes '
      f'[..., {", ".join(map(str, flow.event_shape))}].'
    )
  # A new tensor, because TFP would return the cached latents of a sample.
  images = tf.identity(tf.cast(images, flow.dtype))
  with tf.GradientTape() as tape:
    tape.watch(images)
    log_prob = _with_batch_shape(flow.log_prob(images), images, rank)
  score = tape.gradient(log_prob, images, unconnected_gradients='zero')
  # Not `tf.cast`, which takes a Python number through float32.
  scale = tf.convert_to_tensor(noise_scale, dtype_hint=images.dtype)
  return images + tf.square(tf.cast(scale, images.dtype)) * score


def _with_batch_shape(log_prob, images, rank):
  """Returns log-densities [...], one for each of the images.

  The gradient of images that broadcast with several conditions would be a sum
  over the conditions.
  """
  expected = images.shape[:-rank]
  message = (
    f'`images` have the batch shape {expected} and their log-densities the '
    f'shape {log_prob.shape}; repeat the images, one for each condition'
  )
  if not log_prob.shape.is_compatible_with(expected):
    raise ValueError(f'{message}.')
  if log_prob.shape.is_fully_defined() and expected.is_fully_defined():
    return log_prob
  check = tf.debugging.assert_equal(
    tf.shape(log_prob), tf.shape(images)[:-rank], message
  )
  with tf.control_dependencies([check]):
    return tf.identity(log_prob)
