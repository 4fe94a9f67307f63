"""Tests of the functions that the page calls, given labels."""

import numpy as np
import pytest

from tests.training.exported import export_conditional
from training.errors import UserError
from training.page.served import Served, open_served
from training.trained import open_flow

IMAGES = np.random.default_rng(0).integers(0, 256, [4, 4, 4, 1], np.uint8)


@pytest.mark.slow
def test_attributes_are_labels_too(tmp_path):
  path = export_conditional(
    tmp_path / 'model', IMAGES, 'values', [2], ['hat', 'smile']
  )
  served = Served(open_flow(path))
  assert served.label_names == ('hat', 'smile')
  assert (served.has_classes, served.first_label) == (False, (0, 0))
  image = IMAGES[0]
  np.testing.assert_array_equal(
    served.change(image, {}, None, (1, 0), (1, 0)), image
  )
  assert np.any(served.change(image, {}, None, (1, 0), (0, 1)) != image)
  bits = [served.bits_per_dim(image, label) for label in ((0, 0), (0, 1))]
  assert bits[0] != bits[1]
  samples = [served.sample(3, 1.0, 0, label) for label in ((0, 0), (0, 1))]
  assert np.any(samples[0] != samples[1])


def test_flow_given_classes(conditional):
  flow = open_flow(conditional[1])
  served = Served(flow)
  assert served.label_names == tuple('0123456789')
  assert (served.has_classes, served.first_label) == (True, 0)
  assert served.test_label(2) == flow.test_labels[2]
  image, label = served.known_images[2], served.test_label(2)
  between = served.interpolate(
    image, served.known_images[3], 3, 'linear', label
  )
  np.testing.assert_array_equal(between[0], image)
  condition = flow.condition.inputs(None, np.array([label]))
  expected = flow.bits_per_dim(image[None], 4, condition=condition)
  np.testing.assert_allclose(
    served.bits_per_dim(image, label).sum(), expected[0], rtol=1e-5
  )


@pytest.mark.slow
def test_flow_given_images_is_refused(tmp_path):
  path = export_conditional(
    tmp_path / 'model', IMAGES, 'low_resolution', [2, 2, 1]
  )
  with pytest.raises(UserError, match='is conditional on images, which the'):
    open_served(path)
