"""Tests of pictures of samples given conditions."""

import numpy as np
import pytest

from tests.training import tiny
from training.data import condition as conditions
from training.data.facts import DataFacts
from training.loop.conditional.samples import sample_rows
from training.loop.model import build_model

IMAGES = np.random.default_rng(0).integers(0, 256, [20, 4, 4, 1], np.uint8)


def rows(kind, labels=None, **facts):
  config = tiny.get_config()
  config.flow.condition = kind
  data = DataFacts('pictures', (4, 4, 1), **facts)
  condition = conditions.find_condition(config, data)
  model = build_model(config, data.image_shape, condition)
  return sample_rows(
    model.flow,
    condition,
    IMAGES,
    conditions.held_out_conditions(condition, IMAGES, labels),
    temperature=0.7,
    num_bits=8,
  )


def test_a_row_for_each_class():
  labels = np.arange(20) % 3
  names = ('cat', 'dog', 'owl')
  found = rows('label', labels, num_classes=3, label_names=names)
  assert [name for name, _ in found.rows] == [*names]
  assert found.columns == ()
  assert found.images.shape == (24, 4, 4, 1)


@pytest.mark.parametrize('kind', ['low_resolution', 'mask', 'label'])
def test_a_row_for_each_of_some_test_images(kind):
  found = rows(kind, np.ones([20, 2], int), num_attributes=2)
  assert len(found.rows) == 8
  for number, (_, images) in enumerate(found.rows):
    assert len(images) == len(found.columns)
    image = IMAGES[2 * number]
    np.testing.assert_array_equal(images[-1], image)
    if kind == 'mask':
      hidden = images[0] != image
      assert 0 < np.sum(hidden) < 16
      assert np.all(images[0][hidden] == 128)
    if kind == 'low_resolution':
      mean = np.mean(image[:2, :2])
      assert np.all(np.abs(images[0][:2, :2] - mean) <= 0.5)
