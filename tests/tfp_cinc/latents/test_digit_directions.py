"""Digits become more like others along learned directions."""

import numpy as np
import pytest

from examples import digit_directions
from tfp_cinc.latents.attributes import METHODS

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def trained():
  """Less of what the example trains: (flow, classifier, data)."""
  data = digit_directions.load()
  flow = digit_directions.build_flow(depth=2, hidden_channels=32)
  digit_directions.train(flow, data[0], minutes=np.inf, max_steps=300)
  return flow, digit_directions.train_classifier(data[0], data[2]), data


@pytest.mark.parametrize('method', METHODS)
def test_a_classifier_sees_more_of_the_digit(trained, method):
  flow, classifier, (train_images, images, train_labels, labels) = trained
  directions = digit_directions.learn_directions(
    flow, train_images, train_labels, method
  )
  found, strips = digit_directions.measure(
    flow, directions, classifier, images[:100], labels[:100]
  )
  assert found.shape == (900, len(digit_directions.STRENGTHS))
  assert strips.shape == (10, found.shape[1], *digit_directions.SHAPE)
  strong = digit_directions.STRENGTHS.index(1.0)
  assert np.mean(found[:, strong] > found[:, 0]) > 0.8
  assert np.all(np.diff(np.median(found, axis=0)) > 0)
