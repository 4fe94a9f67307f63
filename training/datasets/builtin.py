"""The images that come with scikit-learn: nothing to download."""

import numpy as np
import tensorflow as tf

from training import smoke
from training.datasets.dataset import Dataset, held_out, shuffled_dataset
from training.datasets.randomness import PHOTO, uniform
from training.datasets.sources import ArraySource
from training.errors import UserError

__all__ = ['digits', 'made_up', 'photos']

_PHOTOS_LICENCE = (
  'CC BY 2.0: china.jpg, https://www.flickr.com/photos/danielbuechele/'
  '6061409035; flower.jpg, https://www.flickr.com/photos/vultilion/6056698931'
)
_DIGITS_LICENCE = (
  'CC BY 4.0: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, '
  'UCI Machine Learning Repository'
)


def photos(config, left: float = 1.0) -> Dataset:
  """Random crops of the left 80%, a grid of crops of the right 20%.

  Args:
    config: the `data` part of a configuration.
    left: the part of the photographs' width that there is, from the left: with
      0.8, the images to train on are cut into such two again.

  Returns:
    `Dataset` without end.

  Raises:
    UserError: if the crops are larger than the photographs.
  """
  from sklearn.datasets import load_sample_images

  pictures = np.stack(load_sample_images().images)
  pictures = pictures[:, :, : int(left * pictures.shape[2])]
  size, (height, width) = config.image_size, pictures.shape[1:3]
  border = int(0.8 * width)
  if size > min(height, width - border):
    raise UserError(
      f'config.data.image_size is {size}; crops of the photographs have at '
      f'most {min(height, width - border)} pixels a side.'
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
    licence=_PHOTOS_LICENCE,
  )


def digits(config) -> Dataset:
  """Handwritten digits, 0 to 16 scaled to 0 to 255, in a black frame.

  Args:
    config: the `data` part of a configuration.

  Returns:
    `Dataset` with labels 0 to 9.

  Raises:
    UserError: if they are to be smaller than they are.
  """
  from sklearn.datasets import load_digits

  content = load_digits()
  images = np.round(content.images * (255 / 16)).astype(np.uint8)
  margin = config.image_size - images.shape[1]
  if margin < 0:
    raise UserError(
      f'config.data.image_size is {config.image_size}; the digits have 8x8 '
      'pixels, which are padded and not cropped.'
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
    licence=_DIGITS_LICENCE,
  )


def made_up(config) -> Dataset:
  """Noise, to try a configuration on: see `training/smoke.py`.

  Args:
    config: the `data` part of a configuration.

  Returns:
    `Dataset`.
  """
  train, test = map(ArraySource, smoke.made_up_images(config))
  return shuffled_dataset('made-up images', train, test, config)
