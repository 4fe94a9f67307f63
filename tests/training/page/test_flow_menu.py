"""Tests of the choice among the flows of the package."""

import numpy as np
import pytest

import tfp_cinc
from training.page.examples import load_examples
from training.page.flow_menu import get_menu, open_menu
from training.trained import open_flow

NAME = 'cinc_digits'


@pytest.mark.slow
def test_flow_of_the_package_has_examples_and_directions():
  flow = open_menu([NAME, 'none'])
  assert get_menu().paths == (NAME, 'none')
  assert get_menu().open(NAME) is flow
  assert (flow.kind, flow.known_images.shape) == ('example', (180, 16, 16, 1))
  # They are the test images of the run that trained it.
  metrics = tfp_cinc.models.card(NAME)['metrics']
  np.testing.assert_allclose(
    flow.known_bits().mean(), metrics['test_bits_per_dim'], atol=0.01
  )
  assert flow.directions.names == list('0123456789')
  image = flow.known_images[0]
  moved = flow.change(image, {'8': 2.0}).astype(int)
  assert np.abs(moved - image).max() > 50


def test_examples_of_a_color_flow_are_photographs():
  examples = load_examples(open_flow('cinc_cifar10_small'))
  assert examples.name == 'photographs'
  assert examples.images.shape[1:] == (32, 32, 3)
  assert examples.directions is None


def test_examples_of_a_flow_of_mnist_are_digits_as_large_as_its_own():
  examples = load_examples(open_flow('cinc_mnist'))
  assert examples.name == 'digits'
  assert examples.images.shape == (180, 28, 28, 1)
  rows = np.flatnonzero(examples.images.max(axis=(0, 2, 3)) > 25)
  assert 18 <= len(rows) <= 20
  assert examples.directions is None
