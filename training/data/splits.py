"""The images of the splits of a data set, in batches."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from ..errors import UserError
from .dataset import Dataset, telling_user_errors

__all__ = ['Split', 'find_split']

_DRAWN = 1024  # images, if training images are drawn without end


@dataclasses.dataclass(frozen=True)
class Split:
  """The images of one split.

  Attributes:
    name: 'train', 'test', ... or 'all'.
    number: Number of images.
    has_labels: Whether there are labels.
    batches: Function of the batch size that returns an iterator over (images
      uint8 [n, H, W, C], labels int64 [n] or [n, A], or None).
  """

  name: str
  number: int
  has_labels: bool
  batches: Callable[[int], Iterator[tuple[np.ndarray, np.ndarray | None]]]


def find_split(dataset: Dataset, name: str, limit: int | None = None) -> Split:
  """Returns a split of a data set.

  Args:
    dataset: The data set.
    name: 'train', whose images come once each in a fixed random order; 'test',
      the test images of the data set; another of its splits, such as
      'validation'; or 'all', one split after the other.
    limit: Largest number of images. None returns all, or 1,024 if training
      images are drawn without end.

  Returns:
    `Split`.

  Raises:
    UserError: If there is no such split.
  """
  others = sorted(dataset.read_others)
  names = ['train', 'test', *others]
  if name not in (*names, 'all'):
    raise UserError(
      f'{dataset.name} has no split {name!r}; its splits are {[*names, "all"]}.'
    )
  parts = names if name == 'all' else [name]
  found = [_part(dataset, part, limit) for part in parts]
  number = sum(split.number for split in found)
  limit = number if limit is None else min(limit, number)

  def batches(size):
    left = limit
    for images, labels in itertools.chain.from_iterable(
      split.batches(size) for split in found
    ):
      if left <= 0:
        return
      yield images[:left], None if labels is None else labels[:left]
      left -= len(images)

  has_labels = all(split.has_labels for split in found)
  return Split(name, limit, has_labels, batches)


def _part(dataset, name, limit):
  if name == 'train':
    return _training_part(dataset, limit)
  if name == 'test':
    images, labels = dataset.test_images, dataset.test_labels
  else:
    images, labels = dataset.read_others[name]()

  def batches(size):
    for start in range(0, len(images), size):
      here = slice(start, start + size)
      yield images[here], None if labels is None else labels[here]

  return Split(name, len(images), labels is not None, batches)


def _training_part(dataset, limit):
  number = dataset.num_train or limit or _DRAWN
  has_labels = dataset.num_train is not None
  has_labels = has_labels and dataset.train_labels is not None

  def batches(size):
    for start in range(0, number, size):
      count = min(size, number - start)
      position = tf.constant(start, tf.int64)
      with telling_user_errors():
        images = dataset.read_train(0, position, count).numpy()
      labels = None
      if has_labels:
        numbers = dataset.train_numbers(0, position, count).numpy()
        labels = dataset.train_labels[numbers]
      yield images, labels

  return Split('train', number, has_labels, batches)
