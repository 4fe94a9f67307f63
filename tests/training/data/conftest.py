"""Image files that several tests of data sets read."""

import numpy as np
import pytest

from tests.training.data.helpers import random_image, save_image


@pytest.fixture
def ten(tmp_path):
  """A folder of ten 8x8 images, and the images."""
  folder = tmp_path / 'ten'
  images = [save_image(folder / f'{i}.png', random_image(i)) for i in range(10)]
  return folder, np.stack(images)
