"""Inverts causal convolutions pixel by pixel, on all cores.

This is the method of the published code of CInC Flow, but compiled.
"""

import contextlib
import unittest.mock

import numpy as np
import tensorflow as tf

from tfp_cinc.math import causal_conv

__all__ = ['compile_solve', 'solving_per_pixel']


def compile_solve():
  """Returns the loop over pixels as a function; requires numba.

  Returns:
    A function `solve(y, kernel, diagonal_inverse)` that returns x
    [N, H, W, C] and compiles at its first call. Its arguments are y
    [N, H, W, C], the kernel [k, k, C, C] of a convolution with padding at the
    top and left, and the inverse [C, C] of the kernel's block of the pixel
    itself. All are arrays of the same dtype.
  """
  import numba

  @numba.njit(parallel=True, fastmath=True)
  def solve(y, kernel, diagonal_inverse):
    count, height, width, channels = y.shape
    reach = kernel.shape[0] - 1
    x = np.empty_like(y)
    for n in numba.prange(count):
      known = np.empty(channels, y.dtype)
      for i in range(height):
        for j in range(width):
          known[:] = y[n, i, j]
          for a in range(max(0, reach - i), reach + 1):
            for b in range(max(0, reach - j), reach + 1):
              if a < reach or b < reach:
                pixel = x[n, i - reach + a, j - reach + b]
                for c in range(channels):
                  known -= pixel[c] * kernel[a, b, c]
          x[n, i, j] = 0
          for c in range(channels):
            x[n, i, j] += known[c] * diagonal_inverse[c]
    return x

  return solve


@contextlib.contextmanager
def solving_per_pixel():
  """Returns a context in which the loop inverts our causal convolutions.

  Functions that are traced inside the context keep the loop. Convolutions with
  lookahead or dilation are not supported.
  """
  solve = compile_solve()

  def run(y, kernel, diagonal_inverse):
    arrays = (np.ascontiguousarray(x) for x in (y, kernel, diagonal_inverse))
    return solve(*arrays)

  def replacement(
    y, kernel, *, padding, dilation, lookahead, diagonal_inverse, **_
  ):
    if dilation != 1 or lookahead:
      raise ValueError(
        f'`dilation` is {dilation} and `lookahead` is {lookahead}; the loop '
        'over pixels supports only 1 and 0.'
      )
    # Other paddings are top-left padding between two flips of the image.
    vertical, horizontal = padding.split('_')
    rank = y.shape.rank
    axes = [rank - 3] * (vertical == 'bottom')
    axes += [rank - 2] * (horizontal == 'right')
    x = tf.numpy_function(
      run, [tf.reverse(y, axes), kernel, diagonal_inverse], y.dtype
    )
    return tf.reverse(tf.ensure_shape(x, y.shape), axes)

  with unittest.mock.patch.object(
    causal_conv, 'causal_conv2d_solve', replacement
  ):
    yield
