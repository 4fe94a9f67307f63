"""CInCConv2D's inverse against its forward pass and a compiled pixel loop.

  python -m benchmarks.solvers [OUT.json]

Ours are compiled by tf.function and read their kernel from Variables. The loop
is how the published code of CInC Flow inverts: pixel by pixel, compiled, all
images at once on all cores.
"""

import importlib.util
import os
import sys

import numpy as np
import tensorflow as tf

import tfp_cinc
from benchmarks import report, timing

SHAPES = [
  (100, 16, 16, 12),
  (100, 32, 32, 12),
  (100, 8, 8, 24),
  (100, 4, 4, 48),
]


def per_pixel_solver():
  """The loop over pixels, compiled, or None where numba is not installed."""
  if importlib.util.find_spec('numba') is None:
    print("The pixel loop is left out: `pip install '.[bench]'` has numba.\n")
    return None
  # Idle threads of a loop that has ended would spin into what is timed next.
  os.environ.setdefault('OMP_WAIT_POLICY', 'passive')
  import numba

  @numba.njit(parallel=True, fastmath=True)
  def solve(y, kernel, corner_inverse):
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
            x[n, i, j] += known[c] * corner_inverse[c]
    return x

  return solve


def measure(shape, per_pixel, kernel_size=3):
  """One row: the medians of both directions and the error of a round trip."""
  layer = tfp_cinc.trainable_cinc_conv2d(shape[-1], kernel_size, seed=0)
  forward = tf.function(layer.forward, autograph=False)
  inverse = tf.function(layer.inverse, autograph=False)
  x = tf.random.stateless_normal(shape, [0, 0])
  y = tf.identity(forward(x))
  functions = {'forward': lambda: forward(x), 'inverse': lambda: inverse(y)}
  if per_pixel:
    arrays = y.numpy(), layer.kernel.numpy(), layer.corner.inverse().numpy()
    np.testing.assert_allclose(per_pixel(*arrays), x, atol=1e-3)
    functions['per pixel'] = lambda: per_pixel(*arrays)
  seconds = timing.medians(functions)
  row = {
    '[N, H, W, C]': str(list(shape)),
    'forward, ms': 1e3 * seconds['forward'],
    'inverse, ms': 1e3 * seconds['inverse'],
    'inverse / forward': seconds['inverse'] / seconds['forward'],
    'round-trip error': float(np.max(np.abs(inverse(y) - x))),
  }
  if per_pixel:
    row['per pixel, ms'] = 1e3 * seconds['per pixel']
    row['per pixel / inverse'] = seconds['per pixel'] / seconds['inverse']
  return row


def main(out=None):
  """Prints the table; writes it as JSON where `out` is given."""
  per_pixel = per_pixel_solver()
  report.write(
    'The inverse of a CInC convolution',
    'k=3, float32, medians of 31. "Per pixel" is a compiled loop over pixels '
    'on all cores.',
    [measure(shape, per_pixel) for shape in SHAPES],
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
