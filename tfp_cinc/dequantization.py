"""Conversion of 8-bit pixels to continuous values, and bits per dimension."""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_cinc.internal.seeds import as_seed, stateless_uniform
from tfp_cinc.internal.types import SeedLike, TensorLike

__all__ = [
  'LARGEST_NOISE',
  'bits_per_dim',
  'check_noise',
  'dequantize',
  'quantize',
]

# With noise closer to 1, float32 would round some sums to the next bin.
LARGEST_NOISE = 1.0 - 2.0**-14


def dequantize(
  images: TensorLike,
  num_bits: int = 8,
  seed: SeedLike = None,
  noise: TensorLike | None = None,
) -> tf.Tensor:
  """Returns continuous images: pixels with uniform noise within their bins.

  ```
  x = (floor(pixel / 2^(8-b)) + u) / 2^b - 1/2,  u ~ U[0, 1),  b = num_bits
  ```

  The mean of log p(x) over u is a lower bound of the log-probability of the
  pixels, after correcting for the volume of a bin as in `bits_per_dim`.

  #### Example

  >>> pixels = tf.constant([[[0], [255]]], tf.uint8)
  >>> dequantize(pixels, num_bits=1, noise=0.5).numpy().tolist()
  [[[-0.25], [0.25]]]

  #### References

  Theis, van den Oord and Bethge 2016, [A note on the evaluation of generative
  models](https://arxiv.org/abs/1511.01844), section 3.1.

  Args:
    images: uint8 [..., H, W, C], values 0 to 255.
    num_bits: Bits per channel b, 1 to 8. Glow uses 5 for CelebA-HQ.
    seed: Seed of the noise, as in TFP: an integer, or a `Tensor` of two
      integers for the same noise in each call, on each device, with and without
      XLA. None draws new noise.
    noise: `Tensor` in [0, 1) that broadcasts with `images`, used instead of
      drawn noise. 0.5 gives the middle of the bins.

  Returns:
    float32 `Tensor` of the shape to which `images` and `noise` broadcast,
    values in [-0.5, 0.5).

  Raises:
    ValueError: If `images` are not uint8, or if another argument is not as
      described above. The values of `noise` are not checked where they are not
      known, such as those of an argument of a `tf.function`.
  """
  images = tf.convert_to_tensor(images)
  num_bits = _as_num_bits(num_bits)
  if images.dtype != tf.uint8:
    raise ValueError(
      f'`images` are {images.dtype.name}; `dequantize` takes uint8 pixels, '
      '0 to 255. Pass continuous values to the flow directly.'
    )
  bins = 2**num_bits
  if noise is None:
    seed = as_seed(seed, salt='dequantize')
    noise = stateless_uniform(tf.shape(images), seed)
  else:
    noise = check_noise(noise, images)
  noise = tf.minimum(tf.cast(noise, tf.float32), LARGEST_NOISE)
  return (
    tf.cast(images // 2 ** (8 - num_bits), tf.float32) + noise
  ) / bins - 0.5


def quantize(values: TensorLike, num_bits: int = 8) -> tf.Tensor:
  """Returns the pixels of continuous images: the inverse of `dequantize`.

  ```
  pixel = 2^(8-b) * floor((x + 1/2) * 2^b),  b = num_bits
  ```

  #### Example

  >>> quantize(tf.constant([-0.5, 0.0, 0.7])).numpy().tolist()
  [0, 128, 255]

  Args:
    values: Floating `Tensor` [..., H, W, C]. Values outside [-0.5, 0.5) are
      clipped.
    num_bits: Bits per channel b, 1 to 8.

  Returns:
    uint8 `Tensor` of the shape of `values`: multiples of 2^(8 - num_bits).

  Raises:
    ValueError: If `values` are not floating, or if `num_bits` is not an integer
      from 1 to 8.
  """
  values = tf.convert_to_tensor(values)
  num_bits = _as_num_bits(num_bits)
  if not values.dtype.is_floating:
    raise ValueError(
      f'`values` are {values.dtype.name}; `quantize` takes floating values in '
      '[-0.5, 0.5).'
    )
  bins = 2**num_bits
  levels = tf.clip_by_value(tf.floor((values + 0.5) * bins), 0, bins - 1)
  return tf.cast(levels, tf.uint8) * 2 ** (8 - num_bits)


def bits_per_dim(
  log_prob: tf.Tensor | np.ndarray | float,
  event_shape: Sequence[int],
  num_bits: int = 8,
) -> tf.Tensor:
  """Returns the bits per dimension of images made continuous by `dequantize`.

  ```
  bits_per_dim = -log_prob / (H * W * C * ln 2) + num_bits
  ```

  A bin of a pixel has width 2^-num_bits. A uniform density on [-0.5, 0.5)
  therefore has num_bits bits per dimension.

  Args:
    log_prob: Log-densities of dequantized images in nats, floating `Tensor`.
    event_shape: Shape [H, W, C] of an image.
    num_bits: Bits per channel, 1 to 8, as in `dequantize`.

  Returns:
    `Tensor` of the shape of `log_prob`; lower is better.

  Raises:
    ValueError: If a size in `event_shape` is unknown or less than 1, or if
      `num_bits` is not an integer from 1 to 8.
  """
  num_bits = _as_num_bits(num_bits)
  if any(size is None or size < 1 for size in event_shape):
    raise ValueError(
      f'`event_shape` is {list(event_shape)}; its sizes must be known and at '
      'least 1.'
    )
  dimensions = math.prod(int(size) for size in event_shape)
  return -log_prob / (dimensions * math.log(2.0)) + num_bits


def check_noise(noise: TensorLike, images: tf.Tensor) -> tf.Tensor:
  """Returns dequantization noise as a `Tensor`.

  Args:
    noise: Noise, as in `dequantize`.
    images: `Tensor` [..., H, W, C].

  Raises:
    ValueError: If the noise is not numeric, does not broadcast with the images,
      or has known values outside [0, 1).
  """
  noise = tf.convert_to_tensor(noise)
  if not (noise.dtype.is_floating or noise.dtype.is_integer):
    raise ValueError(f'`noise` is {noise.dtype.name}; it must be floating.')
  try:
    tf.broadcast_static_shape(noise.shape, images.shape)
  except ValueError as error:
    raise ValueError(
      f'`noise` has shape {noise.shape}, which does not broadcast with images '
      f'of shape {images.shape}.'
    ) from error
  values = tf.get_static_value(noise)
  if values is not None and not np.all((values >= 0) & (values < 1)):
    raise ValueError(
      f'`noise` has values from {np.min(values):.6g} to {np.max(values):.6g}; '
      'it must be in [0, 1).'
    )
  return noise


def _as_num_bits(num_bits) -> int:
  if not isinstance(num_bits, int | np.integer) or not 1 <= num_bits <= 8:
    raise ValueError(
      f'`num_bits` is {num_bits!r}; it must be an integer from 1 to 8.'
    )
  return int(num_bits)
