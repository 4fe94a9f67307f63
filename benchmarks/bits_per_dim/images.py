"""The images that flows are compared on."""

import dataclasses

import tensorflow as tf

from training import datasets
from training.datasets import builtin
from training.datasets.dataset import Dataset
from training.errors import UserError

__all__ = ['load']

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
    return builtin.photos(config, left=0.8)
  return _held_out(datasets.load(config))


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
