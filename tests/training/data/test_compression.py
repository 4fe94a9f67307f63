"""The size of images in lossless compression."""

import io

import numpy as np
import PIL.Image

from training.data.compression import webp_bits_per_dim


def test_noise_takes_about_8_bits_and_a_plain_image_almost_none():
  rng = np.random.default_rng(0)
  noise = rng.integers(0, 256, [1, 32, 32, 3], np.uint8)
  plain = np.full_like(noise, 100)
  bits = webp_bits_per_dim(np.concatenate([noise, plain]))
  assert 7.9 < bits[0] < 8.6
  assert bits[1] < 0.2


def test_it_is_the_size_of_a_file_that_holds_the_image():
  image = np.random.default_rng(0).integers(0, 4, [1, 9, 7, 1], np.uint8)
  file = io.BytesIO()
  color = PIL.Image.fromarray(np.repeat(image[0], 3, axis=-1))
  color.save(file, 'webp', lossless=True, quality=100)
  assert webp_bits_per_dim(image)[0] == 8 * len(file.getvalue()) / (9 * 7)
  read = np.asarray(PIL.Image.open(file).convert('RGB'))
  np.testing.assert_array_equal(read[..., :1], image[0])
