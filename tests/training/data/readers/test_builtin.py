"""Tests of the images that come with scikit-learn, and of random images."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits, load_sample_images

from tests.training.data.helpers import data_config, epoch
from training.data.load import load_dataset


@pytest.fixture(scope='module')
def photos():
  return load_dataset(data_config(name='photos', image_size=32))


@pytest.fixture(scope='module')
def digits():
  return load_dataset(data_config())


def test_photographs_have_no_labels(photos):
  assert photos.train_labels is None
  assert photos.test_labels is None
  assert photos.num_train is None


def test_photographs_are_tested_on_their_right_part(photos):
  pictures = np.stack(load_sample_images().images)
  assert photos.image_shape == (32, 32, 3)
  # 13 rows and 4 columns of crops in the right 128 columns of each photograph.
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
  for crop in photos.read_train(0, tf.constant(0, tf.int64), 10).numpy():
    same_corner = np.argwhere(np.all(left[..., 0, 0] == crop[0, 0], axis=-1))
    assert any(
      np.array_equal(np.moveaxis(left[tuple(place)], 0, -1), crop)
      for place in same_corner
    )


def test_digits_are_padded():
  padded = load_dataset(data_config(image_size=11))
  assert padded.image_shape == (11, 11, 1)
  assert not np.any(padded.test_images[:, 0])
  assert not np.any(padded.test_images[:, :, -2:])


def test_epochs_have_every_image_once_in_different_orders(digits):
  def epoch(number):
    start = tf.constant(number * digits.num_train, tf.int64)
    return digits.read_train(3, start, digits.num_train).numpy()

  first, second = epoch(0), epoch(1)
  assert np.mean(np.all(first == second, axis=(1, 2, 3))) < 0.02
  images = np.round(load_digits().images * 255 / 16).astype(np.uint8)
  tested = {image.tobytes() for image in digits.test_images}
  trained = sorted(image.tobytes() for image in first)
  assert trained == sorted(image.tobytes() for image in second)
  everything = sorted([*trained, *(i.tobytes() for i in digits.test_images)])
  assert everything == sorted(image.tobytes() for image in images)
  assert len(tested) == len(digits.test_images) == round(0.1 * len(images))


def test_labels_belong_to_their_images(digits):
  content = load_digits()
  labels = {
    np.round(image * 255 / 16).astype(np.uint8).tobytes(): label
    for image, label in zip(content.images, content.target, strict=True)
  }
  # From the middle of the first epoch into the second.
  start = tf.constant(digits.num_train - 50, tf.int64)
  images = digits.read_train(3, start, 100).numpy()
  numbers = digits.train_numbers(3, start, 100)
  expected = [labels[image.tobytes()] for image in images]
  np.testing.assert_array_equal(digits.train_labels[numbers], expected)
  expected = [labels[image.tobytes()] for image in digits.test_images]
  np.testing.assert_array_equal(digits.test_labels, expected)


@pytest.mark.parametrize('channels', [1, 3])
def test_random_images(channels):
  config = data_config(name='made_up', image_size=9, channels=channels)
  dataset = load_dataset(config)
  assert dataset.image_shape == (9, 9, channels)
  images = [*epoch(dataset), *dataset.test_images]
  assert len({image.tobytes() for image in images}) == 16 + 8
  again = load_dataset(config)
  np.testing.assert_array_equal(again.test_images, dataset.test_images)


@pytest.mark.parametrize('name', ['photos', 'digits'])
def test_license_is_known(name):
  assert 'CC BY' in load_dataset(data_config(name=name)).license
