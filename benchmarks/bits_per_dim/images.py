"""Loads the images that flows are compared on."""

import dataclasses
import hashlib
import pathlib

import tensorflow as tf

from benchmarks.bits_per_dim.data_set import PACKAGED, DataSet
from benchmarks.bits_per_dim.model import Model
from benchmarks.bits_per_dim.protocol import Conditions
from training.data.dataset import Dataset
from training.data.load import load_dataset
from training.data.readers import builtin
from training.errors import UserError

__all__ = ['find_data_set', 'load', 'load_data_set']

_FRACTION = 0.1  # of the training images, held out for validation
_MOST = 1024  # largest number of validation images
_HASHED = 512  # training images that the hash of a data set reads


def find_data_set(name: str) -> DataSet:
  """Finds the data set that the command line names.

  Args:
    name: 'photos', 'digits', or the path of arrays or of a folder that
      TensorFlow Datasets has prepared.

  Returns:
    `DataSet`. Its hash is that of all test images and of 512 training images.

  Raises:
    UserError: If there is no such data.
  """
  if name in PACKAGED:
    return DataSet(name)
  path = pathlib.Path(name).expanduser().resolve()
  found = DataSet(path.stem, path=str(path))
  options = found.options()
  # Not the name of the folder of a version, such as '3.0.2'.
  stem = options.get('data.tfds_name', path.stem).partition(':')[0]
  dataset = load_data_set(found)
  first = tf.constant(0, tf.int64)
  some = dataset.read_train(0, first, min(_HASHED, dataset.num_train))
  content = hashlib.sha256(dataset.test_images.tobytes())
  content.update(some.numpy().tobytes())
  return dataclasses.replace(
    found,
    name=stem.replace('/', '_'),
    num_train=dataset.num_train,
    num_test=len(dataset.test_images),
    digest=content.hexdigest()[:16],
  )


def load_data_set(data: DataSet) -> Dataset:
  """Returns the images as the configurations for the photographs read them."""
  config = Model('', 'cinc_photos').full_config(Conditions(data))
  return load(config.data, 'test')


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
  if evaluate != 'validation':
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
