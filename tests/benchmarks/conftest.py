"""A run that several tests of benchmarks use."""

import pytest

from tests.training.known_entropy import train_on_gaussian


@pytest.fixture(scope='session')
def gaussian(tmp_path_factory):
  """The folder of a short run on Gaussian images."""
  return train_on_gaussian(tmp_path_factory.mktemp('gaussian'))
