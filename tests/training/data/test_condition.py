"""Tests of conditions: of given images, and in the stream of batches."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training import tiny
from tests.training.data.helpers import pixels
from training.data.batches import configured_batches
from training.data.condition import (
  find_condition,
  held_out_conditions,
  low_resolution,
)
from training.data.facts import DataFacts
from training.data.load import load_dataset
from training.errors import UserError


def configuration(kind, **data):
  """Returns the tiny configuration of a conditional flow without dropout."""
  config = tiny.get_config()
  config.flow.condition = kind
  config.train.label_dropout = 0.0
  config.data.update(data)
  return config


def read(config, steps=2, batch_size=16, **position):
  """Returns (images, conditions) of the first steps, and the condition."""
  dataset = load_dataset(config.data)
  stream = configured_batches(config, dataset, batch_size, **position)
  images, conditions = zip(*stream.take(steps), strict=True)
  found = find_condition(config, dataset)
  return np.concatenate(images), np.concatenate(conditions), found


def test_flow_without_a_condition_has_none():
  config = tiny.get_config()
  dataset = load_dataset(config.data)
  assert find_condition(config, dataset) is None
  assert held_out_conditions(None, dataset.test_images, None) is None


def test_label_of_each_training_image():
  config = configuration('label')
  images, conditions, condition = read(config)
  dataset = load_dataset(config.data)
  assert (condition.num_classes, condition.class_names[3]) == (10, '3')
  numbers = dataset.train_numbers(0, 0, 32).numpy()
  labels = dataset.train_labels[numbers]
  np.testing.assert_array_equal(conditions, np.eye(10)[labels])
  # The same image under the same label, whatever the position.
  read_again = dataset.read_train(0, tf.constant(0, tf.int64), 32).numpy()
  np.testing.assert_array_equal(pixels(images), read_again)


def test_low_resolution_follows_from_the_moved_and_mirrored_image():
  config = configuration('low_resolution', name='photos', flip=True, crop=2)
  images, conditions, condition = read(config)
  assert condition.shape == (4, 4, 3)
  means = pixels(images).reshape([32, 4, 2, 4, 2, 3]).mean(axis=(2, 4))
  np.testing.assert_allclose(
    256 * (conditions + 0.5) - 0.5, np.floor(means + 0.5), atol=1e-4
  )


def test_mask_is_a_rectangle_and_hides_its_pixels():
  config = configuration('mask', name='photos', flip=True)
  images, conditions, condition = read(config)
  assert condition.shape == (8, 8, 4)
  known, hole = conditions[..., :3], conditions[..., 3:]
  sizes = set()
  for mask in hole[..., 0]:
    assert set(np.unique(mask)) == {0.0, 1.0}
    sides = [np.flatnonzero(mask.max(axis)) for axis in (0, 1)]
    assert mask.sum() == np.prod([len(side) for side in sides])
    assert all(2 <= len(side) <= 6 for side in sides)
    assert all(np.ptp(side) == len(side) - 1 for side in sides)
    sizes.add(tuple(map(len, sides)))
  assert len(sizes) > 5
  middle = (pixels(images) + 0.5) / 256 - 0.5
  np.testing.assert_allclose(known, middle * (1 - hole), atol=1e-6)


@pytest.mark.parametrize('kind', ['label', 'low_resolution', 'mask'])
def test_workers_share_conditions_and_resume(kind):
  config = configuration(kind)
  config.train.label_dropout = 0.5
  _, whole, _ = read(config)
  parts = [read(config, rank=rank, size=3)[1] for rank in range(3)]
  first = [
    part[: 16 * (r + 1) // 3 - 16 * r // 3] for r, part in enumerate(parts)
  ]
  np.testing.assert_array_equal(np.concatenate(first), whole[:16])
  _, resumed, _ = read(config, steps=1, first_position=16)
  np.testing.assert_array_equal(resumed, whole[16:])


def test_dropout_replaces_labels_by_zeros():
  config = configuration('label')
  _, labels, _ = read(config, batch_size=400)
  config.train.label_dropout = 0.25
  _, conditions, condition = read(config, batch_size=400)
  assert condition.input.optional
  dropped = np.all(conditions == 0, axis=1)
  np.testing.assert_array_equal(conditions[~dropped], labels[~dropped])
  assert 0.2 < np.mean(dropped) < 0.3


def test_conditions_of_test_images_depend_only_on_their_position():
  config = configuration('mask')
  dataset = load_dataset(config.data)
  condition = find_condition(config, dataset)
  of = held_out_conditions(condition, dataset.test_images, None)
  whole = of(slice(0, 9))
  assert whole.shape == (9, 8, 8, 2)
  np.testing.assert_array_equal(of(slice(4, 7)), whole[4:7])
  assert len(of(slice(176, 999))) == len(dataset.test_images) - 176


def test_attributes_are_a_vector():
  config = configuration('label')
  facts = DataFacts('faces', (8, 8, 1), ('hat', 'smile'), num_attributes=2)
  condition = find_condition(config, facts)
  assert (condition.num_classes, condition.shape) == (None, (2,))
  labels = np.array([[0, 1], [1, 1]])
  images = np.zeros([2, 8, 8, 1], np.uint8)
  given = held_out_conditions(condition, images, labels)(slice(0, 2))
  np.testing.assert_array_equal(given, labels)
  with pytest.raises(UserError, match='from -1 to 1; attributes must be int'):
    condition.check_labels(2 * labels - 1)


@pytest.mark.parametrize(
  ('facts', 'message'),
  [
    ({}, 'but pictures has no labels; a folder needs a sub-folder'),
    ({'num_classes': 1}, 'but pictures has only one class'),
  ],
)
def test_data_without_classes(facts, message):
  config = configuration('label')
  with pytest.raises(UserError, match=message):
    find_condition(config, DataFacts('pictures', (8, 8, 1), **facts))


@pytest.mark.parametrize(
  ('labels', 'message'),
  [
    (None, 'some images have no labels'),
    (np.array([0, 4]), 'from 0 to 4; classes must be integers from 0 to 3'),
    (np.array([-1, 2]), 'from -1 to 2; classes must be integers from 0 to 3'),
    (
      np.zeros([2, 4], int),
      r"\['N', 4\]; they must be \['N'\], as in training",
    ),
  ],
)
def test_other_labels_are_refused(labels, message):
  config = configuration('label')
  facts = DataFacts('pictures', (8, 8, 1), num_classes=4)
  with pytest.raises(UserError, match=message):
    find_condition(config, facts).check_labels(labels)


def test_low_resolution_rounds_to_the_nearest_pixel():
  image = np.array([[0, 1, 4, 4], [1, 0, 4, 5]], np.uint8)
  low = low_resolution(image[np.newaxis, :, :, np.newaxis], 2)
  assert low.dtype == tf.uint8
  assert low.numpy().ravel().tolist() == [1, 4]
