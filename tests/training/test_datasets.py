"""The data sets and the stream of batches."""

import pathlib
import time

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits, load_sample_images

from tests.training import tiny
from training import datasets, preflight
from training.errors import UserError


def data_config(**values):
  config = tiny.get_config().data
  config.update(values)
  return config


def batches(dataset, steps, **options):
  options = {'seed': 3, 'batch_size': 8, 'num_bits': 8, 'flip': True, **options}
  stream = datasets.training_batches(dataset, **options)
  return [batch.numpy() for batch in stream.take(steps)]


@pytest.fixture(scope='module')
def photos():
  return datasets.load(data_config(name='photos', image_size=32))


@pytest.fixture(scope='module')
def digits():
  return datasets.load(data_config())


@pytest.fixture(params=['photos', 'digits'])
def dataset(request):
  return request.getfixturevalue(request.param)


def test_workers_together_read_what_one_reads(dataset):
  one = batches(dataset, 3)
  parts = [batches(dataset, 3, rank=rank, size=4) for rank in range(4)]
  for step in range(3):
    together = np.concatenate([part[step] for part in parts])
    np.testing.assert_array_equal(together, one[step])


def test_stream_goes_on_from_any_step(dataset):
  np.testing.assert_array_equal(
    batches(dataset, 5)[3:], batches(dataset, 2, first_step=3)
  )


def test_seed_decides_the_stream(dataset):
  assert np.any(batches(dataset, 1)[0] != batches(dataset, 1, seed=4)[0])


def test_an_epoch_is_every_image_once_and_the_next_in_another_order(digits):
  def epoch(number):
    positions = range(
      number * digits.num_train, (number + 1) * digits.num_train
    )
    seed = tf.constant([3, 0], tf.int64)
    read = tf.function(lambda p: digits.train_image(seed, p), autograph=False)
    return np.stack([read(tf.constant(p, tf.int64)) for p in positions])

  first, second = epoch(0), epoch(1)
  assert np.any(first != second)
  images = np.round(load_digits().images * 255 / 16).astype(np.uint8)
  tested = {image.tobytes() for image in digits.test_images}
  trained = sorted(image.tobytes() for image in first)
  assert trained == sorted(image.tobytes() for image in second)
  everything = sorted([*trained, *(i.tobytes() for i in digits.test_images)])
  assert everything == sorted(image.tobytes() for image in images)
  assert len(tested) == len(digits.test_images) == round(0.1 * len(images))


def test_photographs_train_left_and_test_right(photos):
  pictures = np.stack(load_sample_images().images)
  assert photos.image_shape == (32, 32, 3)
  # 13 rows and 4 columns of crops of each photograph's right 128 columns.
  assert len(photos.test_images) == 2 * 13 * 4
  np.testing.assert_array_equal(
    photos.test_images[0], pictures[0, :32, 512:544]
  )
  np.testing.assert_array_equal(
    photos.test_images[-1], pictures[1, 384:416, 608:640]
  )
  # All crops of the left 512 columns: [2, 396, 481, 3, 32, 32].
  left = np.lib.stride_tricks.sliding_window_view(
    pictures[:, :, :512], (32, 32), axis=(1, 2)
  )
  seed = tf.constant([0, 0], tf.int64)
  for position in range(10):
    crop = photos.train_image(seed, tf.constant(position, tf.int64)).numpy()
    same_corner = np.argwhere(np.all(left[..., 0, 0] == crop[0, 0], axis=-1))
    assert any(
      np.array_equal(np.moveaxis(left[tuple(place)], 0, -1), crop)
      for place in same_corner
    )


def test_flip_mirrors_about_half_of_the_images(photos):
  plain = np.concatenate(batches(photos, 16, flip=False))
  flipped = np.concatenate(batches(photos, 16))
  # The noise is drawn after the flip: compare the pixels' bins.
  plain, flipped = (np.floor((x + 0.5) * 256) for x in (plain, flipped))
  mirrored = np.all(flipped == plain[:, :, ::-1], axis=(1, 2, 3))
  same = np.all(flipped == plain, axis=(1, 2, 3))
  assert np.all(mirrored | same)
  assert 40 < np.sum(mirrored & ~same) < 90


def test_digits_are_padded():
  padded = datasets.load(data_config(image_size=11))
  assert padded.image_shape == (11, 11, 1)
  assert not np.any(padded.test_images[:, 0])
  assert not np.any(padded.test_images[:, :, -2:])


def test_a_folder_of_images(tmp_path):
  rng = np.random.default_rng(0)
  (tmp_path / 'more').mkdir()
  for i in range(10):
    image = rng.integers(0, 256, [20, 16 + i, 3], np.uint8)
    encode = tf.io.encode_png if i % 2 else tf.io.encode_jpeg
    suffix = 'png' if i % 2 else 'jpg'
    folder = tmp_path / ('more' if i > 5 else '')
    (folder / f'{i}.{suffix}').write_bytes(encode(image).numpy())
  grey = tf.io.encode_png(np.full([8, 8, 1], 77, np.uint8)).numpy()
  (tmp_path / 'grey.png').write_bytes(grey)
  (tmp_path / 'cut.png').write_bytes(grey[:40])
  (tmp_path / 'notes.txt').write_text('no image')
  dataset = datasets.load(
    data_config(name='folder', dir=str(tmp_path), image_size=8)
  )
  assert dataset.image_shape == (8, 8, 3)
  assert (dataset.num_train, len(dataset.test_images)) == (10, 1)
  (warning,) = dataset.warnings
  assert warning.startswith('skipped 2 of 13 files')
  assert 'cut.png' in warning
  assert 'notes.txt' in warning
  assert batches(dataset, 1)[0].shape == (8, 8, 8, 3)


def test_a_folder_without_images(tmp_path):
  (tmp_path / 'notes.txt').write_text('no image')
  with pytest.raises(UserError, match='none of the 1 files below'):
    datasets.load(data_config(name='folder', dir=str(tmp_path)))


def test_a_prepared_tfds_set(tmp_path):
  import tensorflow_datasets as tfds

  images = np.arange(6 * 16 * 16 * 3).astype(np.uint8).reshape([6, 16, 16, 3])
  features = tfds.features.FeaturesDict(
    {
      'image': tfds.features.Image(shape=[16, 16, 3]),
      'label': tfds.features.ClassLabel(num_classes=10),
    }
  )

  def split(images):
    labels = np.ones([len(images)], np.int64)
    return tf.data.Dataset.from_tensor_slices(
      {'image': images, 'label': labels}
    )

  tfds.dataset_builders.store_as_tfds_dataset(
    name='cifar10',
    version='3.0.2',
    features=features,
    split_datasets={'train': split(images[:4]), 'test': split(images[4:])},
    data_dir=tmp_path,
  )
  config = data_config(
    name='tfds', tfds_name='cifar10', dir=str(tmp_path), image_size=16
  )
  dataset = datasets.load(config)
  assert dataset.name == 'cifar10/3.0.2'
  assert dataset.num_train == 4
  np.testing.assert_array_equal(dataset.test_images, images[4:])
  resized = datasets.load(data_config(**{**config, 'image_size': 8}))
  assert resized.image_shape == (8, 8, 3)
  with pytest.raises(UserError, match=r"'cifar10:9\.9\.9' is not prepared"):
    preflight.prepared_tfds_folder('cifar10:9.9.9', str(tmp_path))


def test_a_set_that_is_not_prepared_is_answered_at_once(tmp_path):
  started = time.monotonic()
  with pytest.raises(UserError, match='download=True'):
    datasets.load(
      data_config(name='tfds', tfds_name='cifar10', dir=str(tmp_path))
    )
  assert time.monotonic() - started < 2
  assert not list(pathlib.Path(tmp_path).iterdir())


@pytest.mark.parametrize(
  ('values', 'message'),
  [
    ({'name': 'photoes'}, "did you mean 'photos'"),
    ({'name': 'tfds'}, 'config.data.tfds_name is empty'),
    ({'name': 'folder', 'dir': '/no/such'}, "'/no/such', which is no folder"),
    ({'num_bits': 9}, 'config.data.num_bits is 9'),
    ({'image_size': 4}, 'the digits have 8x8'),
    ({'name': 'photos', 'image_size': 200}, 'at most 128 pixels'),
    ({'test_fraction': 0.0}, 'at least one image must be for testing'),
  ],
)
def test_bad_config(values, message):
  with pytest.raises(UserError, match=message):
    datasets.load(data_config(**values))


def test_a_batch_that_cannot_be_shared(digits):
  with pytest.raises(UserError, match='3 workers cannot share equally'):
    batches(digits, 1, size=3)
