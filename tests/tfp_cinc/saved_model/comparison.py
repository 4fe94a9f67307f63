"""Comparisons of what signatures return."""

import numpy as np

import tfp_cinc

__all__ = ['assert_same_pixels', 'file_results']


def assert_same_pixels(images, values):
  """Equal, but for values that rounding takes to the next pixel value."""
  expected = tfp_cinc.quantize(values).numpy()
  assert images.shape == expected.shape
  difference = np.abs(images.astype(int) - expected)
  assert np.max(difference) <= 1
  assert np.mean(difference) < 0.01


def file_results(results):
  """Maps the key of each result of image files to that of the arrays."""
  return {
    key: key.replace('_bytes/', '/').removesuffix('_bytes')
    for key in results
    if '_bytes/' in key
  }
