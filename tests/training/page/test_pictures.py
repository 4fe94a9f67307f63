"""Tests of the pictures of the page."""

import numpy as np

from training.page.pictures import grid


def test_grid_has_every_image_once():
  images = np.arange(5, dtype=np.uint8)[:, None, None, None]
  images = np.broadcast_to(images, [5, 4, 6, 3])
  result = grid(images)
  assert result.shape == (9, 20, 3)
  counts = {value: np.sum(result == value) for value in range(5)}
  assert counts == dict.fromkeys(range(5), 4 * 6 * 3)
