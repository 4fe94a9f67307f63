"""Images with dequantization noise, in batches."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

import tfp_cinc
from tfp_cinc.saved_model import fixed_noise

__all__ = ['gaussian_noise_scale', 'noisy_batches']


def gaussian_noise_scale(config) -> float:
  """Returns the standard deviation of the Gaussian noise in training.

  Args:
    config: The whole configuration.

  Returns:
    The standard deviation in the range of the flow; 0 for training images that
    are dequantized with uniform noise.
  """
  is_gaussian = config.train.dequantization == 'gaussian'
  return float(config.train.noise_scale) if is_gaussian else 0.0


def noisy_batches(
  images: np.ndarray,
  *,
  num_bits: int,
  draws: int,
  batch_size: int,
  seed: int = 0,
  first: int = 0,
  same_noise: bool = False,
) -> Iterator[tuple[slice, tf.Tensor]]:
  """Yields dequantized images, one batch after the other for each noise draw.

  Args:
    images: uint8 [N, H, W, C].
    num_bits: Bits per channel.
    draws: Number of noise draws per image.
    batch_size: Number of images per batch.
    seed: Seed of the noise.
    first: Position of images[0], if the images come in several calls. Batches
      at different positions have different noise.
    same_noise: Whether all images get the same draws.

  Yields:
    (`slice` of the images, float32 [n, H, W, C]).
  """
  for draw in range(draws):
    for start in range(0, len(images), batch_size):
      here = slice(start, min(start + batch_size, len(images)))
      noise = {'seed': tf.constant([seed + draw, first + start])}
      if same_noise:
        noise = {'noise': fixed_noise(images.shape[1:], [seed + draw, 0])}
      yield here, tfp_cinc.dequantize(images[here], num_bits, **noise)
