"""Loads the images that flows are compared on."""

import dataclasses

import tensorflow as tf

from training.data.dataset import Dataset
from training.data.load import load_dataset
from training.data.readers import builtin
from training.errors import UserError

__all__ = ['load']

_FRACTION = 0.1  # of the training images, held out for validation
_MOST = 1024  # largest number of validation images


def load(config, evaluate: str) -> Dataset:
  """Returns a data set to train and evaluate on.

  Args:
    config: The `data` part of a configuration.
    evaluate: 'test' returns the data set unchanged. 'validation' uses only its
      training images and holds out some of them as `test_images`: crops of the
      right 20% of the training part of the photographs, or 10% of the training
      images of another data set, at most 1,024.

  Returns:
    A `Dataset`.

  Raises:
    UserError: If `load_dataset` raises it, or if there are too few images.
  """
  if evaluate == 'test':
    return load_dataset(config)
  if config.name == 'photos':
    return builtin.photos(config, left=0.8)
  return _held_out(load_dataset(config))


def _held_out(dataset):
  """Holds out the first images of one epoch of a data set for validation."""
  if dataset.num_train is None:
    raise UserError(
      f'{dataset.name} has an endless stream of training images; no validation '
      'images can be held out.'
    )
  number = min(_MOST, max(1, round(_FRACTION * dataset.num_train)))
  left = dataset.num_train - number

  def read_train(_, start, count):
    # Repeats the whole batches of the rest of that epoch in the same order. A
    # batch across its end would include images of the next epoch, which is
    # shuffled, and these could be validation images.
    if count > left:
      raise UserError(
        f'{dataset.name} has {left} images left to train pilots on, fewer than '
        f'a batch of {count}.'
      )
    batch = start // count % (left // count)
    return dataset.read_train(0, number + batch * count, count)

  def read_test():
    first = tf.constant(0, tf.int64)
    return dataset.read_train(0, first, number).numpy(), None

  return dataclasses.replace(
    dataset, num_train=left, read_train=read_train, read_test=read_test
  )
