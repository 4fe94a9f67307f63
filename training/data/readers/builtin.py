"""Data sets that need no download: images of scikit-learn, random images."""

import numpy as np
import tensorflow as tf

from ...errors import UserError
from ..dataset import Dataset, held_out, shuffled_dataset
from ..randomness import PHOTO, uniform
from ..sources import ArraySource

__all__ = ['digits', 'made_up', 'photos']

_PHOTOS_LICENSE = (
  'CC BY 2.0: china.jpg, https://www.flickr.com/photos/danielbuechele/'
  '6061409035; flower.jpg, https://www.flickr.com/photos/vultilion/6056698931'
)
_DIGITS_LICENSE = (
  'CC BY 4.0: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, '
  'UCI Machine Learning Repository'
)
_MADE_UP_CLASSES = 4
_LARGEST_DIGIT = 128  # pixels per side; the rest of the image is black


def photos(config, left: float = 1.0) -> Dataset:
  """Loads crops of the two photographs of scikit-learn.

  Training images are random crops of the left 80% of the photographs. Test
  images are a grid of crops of the right 20%.

  Args:
    config: The `data` section of a configuration.
    left: Fraction of the width of the photographs to use, from the left. With
      0.8, only the region of the training images is used and is split again.

  Returns:
    `Dataset`, whose training images are drawn without end.

  Raises:
    UserError: If the crops are larger than the photographs.
  """
  from sklearn.datasets import load_sample_images

  pictures = np.stack(load_sample_images().images)
  pictures = pictures[:, :, : int(left * pictures.shape[2])]
  size, (height, width) = config.image_size, pictures.shape[1:3]
  border = int(0.8 * width)
  if size > min(height, width - border):
    raise UserError(
      f'config.data.image_size is {size}; it must be at most '
      f'{min(height, width - border)} for crops of the photographs.'
    )
  test = [
    picture[top : top + size, left : left + size]
    for picture in pictures
    for top in range(0, height - size + 1, size)
    for left in range(border, width - size + 1, size)
  ]
  limits = np.array([len(pictures), height - size + 1, border - size + 1])

  def crops(chance):
    return np.stack(
      [
        pictures[index, top : top + size, left : left + size]
        for index, top, left in (chance * limits).astype(int)
      ]
    )

  def read_train(seed, start, count):
    chance = uniform(seed, PHOTO, start, [count, 3])
    images = tf.numpy_function(crops, [chance], tf.uint8, stateful=False)
    return tf.ensure_shape(images, [count, size, size, 3])

  return Dataset(
    'photographs',
    (size, size, 3),
    None,
    read_train,
    lambda: (np.stack(test), None),
    license=_PHOTOS_LICENSE,
    num_test=len(test),
  )


def digits(config) -> Dataset:
  """Loads the handwritten digits of scikit-learn.

  Their values from 0 to 16 are scaled to 0 to 255. Larger images have a black
  frame.

  Args:
    config: The `data` section of a configuration.

  Returns:
    `Dataset` with labels 0 to 9.

  Raises:
    UserError: If `config.image_size` is less than 8 or more than 128.
  """
  from sklearn.datasets import load_digits

  content = load_digits()
  images = np.round(content.images * (255 / 16)).astype(np.uint8)
  margin = config.image_size - images.shape[1]
  if not 0 <= margin <= _LARGEST_DIGIT - images.shape[1]:
    raise UserError(
      f'config.data.image_size is {config.image_size}; it must be at least 8 '
      f'and at most {_LARGEST_DIGIT} for the digits, which are not resized.'
    )
  frame = (margin // 2, margin - margin // 2)
  images = np.pad(images, [(0, 0), frame, frame])[..., np.newaxis]
  labels = content.target.astype(np.int64)
  train, test = (
    ArraySource(images, numbers=numbers, labels=labels)
    for numbers in held_out(
      [image.tobytes() for image in images], config.test_fraction
    )
  )
  return shuffled_dataset(
    'digits',
    train,
    test,
    config,
    label_names=map(str, content.target_names),
    license=_DIGITS_LICENSE,
    num_classes=len(content.target_names),
  )


def made_up(config) -> Dataset:
  """Returns 16 training and 8 test images of independent uniform pixels.

  Image number n is of class n % 4.

  Args:
    config: The `data` section of a configuration: `image_size`, `channels`.

  Returns:
    `Dataset`, to try a configuration without data; see `configs/smoke.py`.
  """
  size = config.image_size
  images = np.random.default_rng(0).integers(
    0, 256, [24, size, size, config.channels], np.uint8
  )
  labels = np.arange(len(images)) % _MADE_UP_CLASSES
  train, test = (
    ArraySource(images[part], labels=labels[part])
    for part in (slice(16), slice(16, None))
  )
  return shuffled_dataset(
    'made-up images', train, test, config, num_classes=_MADE_UP_CLASSES
  )
