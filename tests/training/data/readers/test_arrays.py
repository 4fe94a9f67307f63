"""Tests of images in .npy and .npz files."""

import os

import numpy as np
import pytest

from tests.training.data.helpers import (
  batches,
  data_config,
  epoch,
  same_images,
)
from training.data.load import load_dataset
from training.data.readers import arrays
from training.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, [20, 8, 8, 3], np.uint8)
LABELS = np.arange(20)


def load(path, **values):
  config = {'name': 'arrays', 'dir': str(path), 'image_size': 8, **values}
  return load_dataset(data_config(**config))


def check_labels(dataset):
  numbers = dataset.train_numbers(3, 0, dataset.num_train)
  for images, labels in [
    (epoch(dataset), dataset.train_labels[numbers]),
    (dataset.test_images, dataset.test_labels),
  ]:
    np.testing.assert_array_equal(images, IMAGES[labels])


def test_part_of_a_file_is_held_out(tmp_path):
  np.save(tmp_path / 'x.npy', IMAGES)
  dataset = load(tmp_path / 'x.npy')
  assert (dataset.name, dataset.num_train) == ('x', 18)
  assert same_images([*epoch(dataset), *dataset.test_images], IMAGES)
  assert dataset.train_labels is None
  parts = [epoch(dataset, batch_size=6, rank=r, size=3) for r in range(3)]
  assert same_images(np.concatenate(parts), epoch(dataset))
  resumed = batches(dataset, 1, first_position=4 * 8)
  np.testing.assert_array_equal(resumed, batches(dataset, 5)[4:])


def test_pipe_in_a_folder_of_arrays_is_left_out(tmp_path):
  np.save(tmp_path / 'images.npy', IMAGES)
  os.mkfifo(tmp_path / 'labels.npy')
  assert load(tmp_path).num_train == 18


def test_digest_is_that_of_the_images_wherever_they_are(tmp_path):
  np.save(tmp_path / 'x.npy', IMAGES)
  before = load(tmp_path / 'x.npy').facts.digest
  np.save(tmp_path / 'y.npy', IMAGES)
  assert load(tmp_path / 'y.npy').facts.digest == before
  np.save(tmp_path / 'x.npy', 255 - IMAGES)
  assert load(tmp_path / 'x.npy').facts.digest != before


@pytest.mark.parametrize('save', [np.savez, np.savez_compressed])
@pytest.mark.parametrize('name', ['test', 'validation'])
def test_splits_of_an_npz_file(tmp_path, save, name):
  save(
    tmp_path / 'x.npz',
    **{'train': IMAGES[:15], name: IMAGES[15:]},
    **{'train_labels': LABELS[:15], f'{name}_labels': LABELS[15:]},
  )
  dataset = load(tmp_path / 'x.npz')
  assert dataset.num_train == 15
  np.testing.assert_array_equal(dataset.test_images, IMAGES[15:])
  check_labels(dataset)


def test_an_npz_file_of_images_and_labels(tmp_path):
  np.savez(tmp_path / 'x.npz', images=IMAGES, labels=LABELS)
  found = arrays._find(tmp_path / 'x.npz', 0)
  assert isinstance(found['images'], np.memmap)
  np.testing.assert_array_equal(found['images'], IMAGES)
  check_labels(load(tmp_path / 'x.npz'))


def test_a_folder_of_arrays(tmp_path):
  np.save(tmp_path / 'train.npy', IMAGES[:15])
  np.save(tmp_path / 'test.npy', IMAGES[15:])
  np.save(tmp_path / 'train_labels.npy', LABELS[:15])
  dataset = load(tmp_path)
  numbers = dataset.train_numbers(3, 0, 15)
  np.testing.assert_array_equal(
    epoch(dataset), IMAGES[dataset.train_labels[numbers]]
  )
  assert dataset.test_labels is None


def test_gray_images_are_resized(tmp_path):
  np.save(tmp_path / 'x.npy', IMAGES[..., 0])
  dataset = load(tmp_path / 'x.npy', image_size=4)
  assert dataset.image_shape == (4, 4, 1)
  means = IMAGES[..., 0].reshape([20, 4, 2, 4, 2]).mean((2, 4))
  both = np.concatenate([epoch(dataset), dataset.test_images])[..., 0]
  gaps = np.abs(both[:, np.newaxis].astype(float) - means).max((2, 3))
  assert np.max(gaps.min(0)) <= 1
  assert len(set(gaps.argmin(1))) == 20


def test_large_compressed_file_is_refused(tmp_path):
  np.savez_compressed(tmp_path / 'x.npz', images=np.zeros([20, 300, 300], 'u1'))
  with pytest.raises(UserError, match='compressed and has 2 MiB'):
    load(tmp_path / 'x.npz', cache_mb=1)


@pytest.mark.parametrize(
  ('content', 'message'),
  [
    (np.full([4, 8, 8, 3], np.nan), 'float64.*images must be uint8'),
    (IMAGES[0, 0], r'uint8 \[8, 3\]; images must be uint8'),
    (np.zeros([0, 8, 8, 3], 'u1'), 'images must be uint8'),
    (np.array([{}]), 'not a valid .npy file'),
    (np.zeros([9, 8, 8, 2], 'u1'), 'and 2 channels cannot be resized'),
  ],
)
def test_arrays_that_are_not_images_are_refused(tmp_path, content, message):
  np.save(tmp_path / 'x.npy', content, allow_pickle=True)
  with pytest.raises(UserError, match=message):
    load(tmp_path / 'x.npy', image_size=4).open_train()


@pytest.mark.parametrize('name', ['x.npy', 'x.npz'])
def test_truncated_file_is_refused(tmp_path, name):
  path = tmp_path / name
  if name == 'x.npy':
    np.save(path, IMAGES)
  else:
    np.savez(path, images=IMAGES)
  path.write_bytes(path.read_bytes()[:-1000])
  with pytest.raises(UserError, match=f'{name} is not a valid'):
    load(path)


@pytest.mark.parametrize('name', ['train', 'test', 'validation'])
def test_images_and_a_split_are_refused(tmp_path, name):
  """One of them would be left out."""
  np.savez(tmp_path / 'x.npz', **{'images': IMAGES, name: IMAGES[:5]})
  with pytest.raises(UserError, match="either 'images', or 'train' and 'test'"):
    load(tmp_path / 'x.npz')


def test_wrong_names_and_labels_are_refused(tmp_path):
  np.savez(tmp_path / 'x.npz', pictures=IMAGES)
  with pytest.raises(
    UserError, match=r"contains \['pictures'\]; it must contain"
  ):
    load(tmp_path / 'x.npz')
  np.savez(tmp_path / 'y.npz', images=IMAGES, labels=LABELS[:3])
  with pytest.raises(UserError, match=r'one per image \(20\)'):
    load(tmp_path / 'y.npz')


def test_classes_and_attributes_and_their_names(tmp_path):
  path = tmp_path / 'x.npz'
  names = np.array(['cat', 'dog', 'owl'])
  np.savez(path, images=IMAGES, labels=LABELS % 3, label_names=names)
  facts = load(path).facts
  assert (facts.num_classes, facts.num_attributes) == (3, None)
  assert facts.label_names == ('cat', 'dog', 'owl')
  attributes = np.stack([LABELS % 2, LABELS % 3 == 0, LABELS > 5], axis=1)
  np.savez(path, images=IMAGES, labels=attributes, label_names=names)
  facts = load(path).facts
  assert (facts.num_classes, facts.num_attributes) == (None, 3)
  for number, wrong in ((4, names), (3, names[[0, 1, 1]])):
    np.savez(path, images=IMAGES, labels=LABELS % number, label_names=wrong)
    message = f'different strings, one for each of the {number} classes'
    with pytest.raises(UserError, match=message):
      load(path)
