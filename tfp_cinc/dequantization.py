"""From 8-bit pixels to continuous values and back, and bits per dimension."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

__all__ = ['bits_per_dim', 'dequantize', 'quantize']


def dequantize(images, num_bits: int = 8, seed=None, noise=None) -> tf.Tensor:
  """Continuous images from pixels, by uniform noise within a pixel's bin.

  With b = num_bits: x = (floor(pixel / 2^(8-b)) + u) / 2^b - 1/2, u ~ U[0, 1).
  The mean of log p(x) over u is a lower bound of the log-probability of the
  pixels (Theis et al. 2016), once the bin's volume is taken into account, which
  `bits_per_dim` does.

  Args:
    images: uint8 [..., H, W, C], values 0 to 255.
    num_bits: b, from 1 to 8: how many bits of each pixel to keep (CelebA-HQ in
      Glow: 5).
    seed: of the noise, as TFP takes it: an integer, or a `Tensor` of two for
      the same noise at each call.
    noise: `Tensor` in [0, 1) that broadcasts with `images`, to use in place of
      drawn noise; 0.5 gives the middle of the bins.

  Returns:
    float32 `Tensor` of the shape of `images`, values in [-0.5, 0.5).

  Raises:
    ValueError: if `images` are not uint8, or `num_bits` is out of range.
  """
  images = tf.convert_to_tensor(images)
  _check_num_bits(num_bits)
  if images.dtype != tf.uint8:
    raise ValueError(
      f'`images` are {images.dtype.name}; `dequantize` takes uint8 pixels, '
      '0 to 255. Values that are continuous already go into a flow as they are.'
    )
  bins = 2**num_bits
  if noise is None:
    seed = tfp.random.sanitize_seed(seed, salt='dequantize')
    noise = tf.random.stateless_uniform(tf.shape(images), seed)
  # Any nearer to 1, and float32 would round some sums to the next bin.
  noise = tf.minimum(tf.cast(noise, tf.float32), 1.0 - 2.0**-14)
  return (
    tf.cast(images // 2 ** (8 - num_bits), tf.float32) + noise
  ) / bins - 0.5


def quantize(values, num_bits: int = 8) -> tf.Tensor:
  """Pixels from continuous images: the inverse of `dequantize`.

  Args:
    values: floating [..., H, W, C]; what is outside of [-0.5, 0.5) is clipped.
    num_bits: how many bits a pixel has, from 1 to 8.

  Returns:
    uint8 `Tensor` of the shape of `values`: multiples of 2^(8 - num_bits).

  Raises:
    ValueError: if `values` are not floating, or `num_bits` is out of range.
  """
  values = tf.convert_to_tensor(values)
  _check_num_bits(num_bits)
  if not values.dtype.is_floating:
    raise ValueError(
      f'`values` are {values.dtype.name}; `quantize` takes floating values in '
      '[-0.5, 0.5).'
    )
  bins = 2**num_bits
  levels = tf.clip_by_value(tf.floor((values + 0.5) * bins), 0, bins - 1)
  return tf.cast(levels, tf.uint8) * 2 ** (8 - num_bits)


def bits_per_dim(log_prob, event_shape, num_bits: int = 8):
  """Bits per dimension of images that `dequantize` made continuous.

  -log_prob / (H * W * C * ln 2) + num_bits: a bin of a pixel has the width
  2^-num_bits, so that a uniform density on [-0.5, 0.5) costs num_bits bits.

  Args:
    log_prob: floating `Tensor`, log-densities in nats of `dequantize`d images.
    event_shape: [H, W, C], the shape of an image.
    num_bits: the `num_bits` of `dequantize`.

  Returns:
    `Tensor` of the shape of `log_prob`; lower is better.

  Raises:
    ValueError: if `num_bits` is out of range.
  """
  _check_num_bits(num_bits)
  dimensions = math.prod(int(size) for size in event_shape)
  return -log_prob / (dimensions * math.log(2.0)) + num_bits


def _check_num_bits(num_bits):
  if not 1 <= num_bits <= 8:
    raise ValueError(f'`num_bits` is {num_bits}; it must be from 1 to 8.')
