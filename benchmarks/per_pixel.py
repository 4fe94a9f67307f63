"""The inverse of a causal convolution pixel by pixel, on all cores.

It is how the published code of CInC Flow inverts, compiled.
"""

import contextlib
import unittest.mock

import numpy as np
import tensorflow as tf

from tfp_cinc.math import causal_conv

__all__ = ['compile_solve', 'solving_per_pixel']


def compile_solve():
  """Makes the loop; needs numba.

  Returns:
    A function of y [N, H, W, C], kernel [k, k, C, C] of a convolution that is
    padded at the top and the left, and the inverse [C, C] of the block of the
    pixel itself, all arrays of one dtype, that returns x [N, H, W, C]. It
    compiles at its first call.
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
  """A context in which our causal convolutions are inverted by this loop.

  What is traced within it keeps the loop. Convolutions with a lookahead or a
  dilation are not for it.
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
        f'dilation {dilation} and lookahead {lookahead}: the loop over pixels '
        'has 1 and 0.'
      )
    # The other paddings are the first one between flipped images.
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
