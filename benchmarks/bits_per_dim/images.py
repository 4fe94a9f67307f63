"""The images that flows are compared on."""

import dataclasses

import numpy as np
import tensorflow as tf

from training import datasets
from training.datasets.dataset import Dataset, shuffled_dataset
from training.datasets.sources import ArraySource
from training.errors import UserError

__all__ = ['load']

_CROPS = 8192  # of the photographs, to train pilots on
_FRACTION = 0.1  # of the training images of another set, for validation
_MOST = 1024  # validation images


def load(config, evaluate: str) -> Dataset:
  """A data set to train on and to evaluate on.

  Args:
    config: the `data` part of a configuration.
    evaluate: 'test', for the data set as it is. 'validation', for its training
      images alone, of which some are the `test_images`: crops of the right
      fifth of the part of the photographs that is trained on, or a tenth of
      the training images of another set, 1,024 at most. The others are
      trained on.

  Returns:
    `Dataset`.

  Raises:
    UserError: as `datasets.load`, or if there are too few images.
  """
  if evaluate == 'test':
    return datasets.load(config)
  if config.name == 'photos':
    return _photos(config)
  return _held_out(datasets.load(config))


def _photos(config):
  """The left 80% of the photographs, again cut at 80% of their width."""
  from sklearn.datasets import load_sample_images

  pictures = np.stack(load_sample_images().images)
  pictures = pictures[:, :, : int(0.8 * pictures.shape[2])]
  size, (height, width) = config.image_size, pictures.shape[1:3]
  border = int(0.8 * width)
  if size > min(height, width - border):
    raise UserError(
      f'config.data.image_size is {size}; validation crops of the photographs '
      f'have at most {min(height, width - border)} pixels a side.'
    )

  def crop(picture, top, left):
    return picture[top : top + size, left : left + size]

  validation = [
    crop(picture, top, left)
    for picture in pictures
    for top in range(0, height - size + 1, size)
    for left in range(border, width - size + 1, size)
  ]
  limits = [len(pictures), height - size + 1, border - size + 1]
  places = np.random.default_rng(0).integers(0, limits, [_CROPS, 3])
  train = [crop(pictures[index], *place) for index, *place in places]
  return shuffled_dataset(
    'photographs',
    ArraySource(np.stack(train)),
    ArraySource(np.stack(validation)),
    config,
  )


def _held_out(dataset):
  """A data set of which the first positions of one epoch are for validation."""
  if dataset.num_train is None:
    raise UserError(f'{dataset.name}: its training images have no end.')
  number = min(_MOST, max(1, round(_FRACTION * dataset.num_train)))
  left = dataset.num_train - number

  def read_train(_, start, count):
    # Whole batches of the rest of that epoch, in the same order again: batches
    # across its end would take images of the next epoch, which is shuffled.
    if count > left:
      raise UserError(
        f'{dataset.name} leaves {left} images to train pilots on, fewer than '
        f'the {count} of a batch.'
      )
    batch = start // count % (left // count)
    return dataset.read_train(0, number + batch * count, count)

  def read_test():
    first = tf.constant(0, tf.int64)
    return dataset.read_train(0, first, number).numpy(), None

  return dataclasses.replace(
    dataset, num_train=left, read_train=read_train, read_test=read_test
  )
