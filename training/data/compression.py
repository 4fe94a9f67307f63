"""The size of images in lossless compression."""

import io

import numpy as np
import PIL.Image

__all__ = ['keep_bits', 'webp_bits_per_dim']


def keep_bits(images: np.ndarray, num_bits: int) -> np.ndarray:
  """Sets the lower bits of each channel to 0.

  Args:
    images: uint8 [..., H, W, C].
    num_bits: Number of upper bits to keep, from 1 to 8.

  Returns:
    uint8 of the same shape.
  """
  step = 2 ** (8 - num_bits)
  return images // step * step


def webp_bits_per_dim(images: np.ndarray, num_bits: int = 8) -> np.ndarray:
  """Returns the size of each image as a lossless WebP file, in bits/dim.

  Args:
    images: uint8 [N, H, W, C] with 1 or 3 channels. Gray images are stored as
      color images of three equal channels, which takes WebP almost no space.
    num_bits: Bits per channel; the lower bits of a pixel are not stored.

  Returns:
    float64 [N], the bits of the file divided by H * W * C. The header of the
    file is included.
  """
  images = keep_bits(images, num_bits)
  sizes = [len(_encoded(image)) for image in images]
  return 8 * np.array(sizes, np.float64) / np.prod(images.shape[1:])


def _encoded(image):
  if image.shape[-1] == 1:
    image = np.repeat(image, 3, axis=-1)
  file = io.BytesIO()
  PIL.Image.fromarray(image).save(file, 'webp', lossless=True, quality=100)
  return file.getvalue()
