"""Tests of the batches of the splits of a data set."""

import numpy as np
import pytest

from tests.training.data.helpers import data_config, same_images
from training.data.load import load_dataset
from training.data.splits import find_split
from training.errors import UserError


@pytest.fixture(scope='module')
def digits():
  return load_dataset(data_config())


def everything(split, size=64):
  """Returns the images and labels of all batches."""
  images, labels = zip(*split.batches(size), strict=True)
  assert max(map(len, images)) <= size
  if labels[0] is None:
    return np.concatenate(images), None
  return np.concatenate(images), np.concatenate(labels)


def test_test_images(digits):
  split = find_split(digits, 'test')
  images, labels = everything(split)
  assert (split.number, split.has_labels) == (180, True)
  np.testing.assert_array_equal(images, digits.test_images)
  np.testing.assert_array_equal(labels, digits.test_labels)


def test_training_images_come_once_with_their_labels(digits):
  images, labels = everything(find_split(digits, 'train'))
  assert len(images) == digits.num_train
  numbers = digits.train_numbers(0, 0, digits.num_train).numpy()
  assert sorted(numbers) == list(range(digits.num_train))
  np.testing.assert_array_equal(labels, digits.train_labels[numbers])
  whole = digits.read_train(0, np.int64(0), digits.num_train).numpy()
  np.testing.assert_array_equal(images, whole)


def test_all_images_and_the_first_of_them(digits):
  split = find_split(digits, 'all')
  images, labels = everything(split)
  assert len(images) == len(labels) == split.number == 1797
  split = find_split(digits, 'all', limit=100)
  some, _ = everything(split)
  assert split.number == len(some) == 100
  np.testing.assert_array_equal(some, images[:100])
  some, _ = everything(find_split(digits, 'test', limit=500))
  assert len(some) == 180


def test_endless_training_images():
  photos = load_dataset(data_config(name='photos', image_size=8))
  assert find_split(photos, 'train').number == 1024
  split = find_split(photos, 'train', limit=70)
  images, labels = everything(split)
  assert (len(images), labels, split.has_labels) == (70, None, False)
  assert not same_images(images[:35], images[35:])


def test_another_split(tmp_path):
  chance = np.random.default_rng(0)
  parts = {
    name: chance.integers(0, 256, [5, 8, 8, 1], np.uint8)
    for name in ('train', 'test', 'validation')
  }
  np.savez(tmp_path / 'x.npz', validation_labels=np.arange(5), **parts)
  path = str(tmp_path / 'x.npz')
  dataset = load_dataset(data_config(name='arrays', dir=path, image_size=8))
  images, labels = everything(find_split(dataset, 'validation'), 2)
  np.testing.assert_array_equal(images, parts['validation'])
  np.testing.assert_array_equal(labels, np.arange(5))
  assert not find_split(dataset, 'all').has_labels
  with pytest.raises(UserError, match="no split 'val'; its splits are"):
    find_split(dataset, 'val')
