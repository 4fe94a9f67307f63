"""CInCConv2D's inverse against its forward pass and a compiled pixel loop.

  python -m benchmarks.solvers [OUT.json]

Ours are compiled by tf.function and read their kernel from Variables; a frozen
inverse has the matrices of its solve already (`tfp_cinc.freeze`, and exported
models). The loop is how the published code of CInC Flow inverts: pixel by
pixel, compiled, all images at once on all cores.
"""

import importlib.util
import sys

import numpy as np
import tensorflow as tf

import tfp_cinc
from benchmarks import per_pixel, report, timing

SHAPES = [
  (100, 16, 16, 12),
  (100, 32, 32, 12),
  (100, 8, 8, 24),
  (100, 4, 4, 48),
]
TIMES = {'rounds': 101, 'warmups': 50}


def per_pixel_seconds(shape):
  """The median seconds of a compiled loop over the pixels of all images.

  It has a process of its own: numba's idle threads spin for a while, into
  whatever is timed next.
  """
  solve = per_pixel.compile_solve()
  layer, x = _layer_and_images(shape)
  y, kernel = layer.forward(x).numpy(), layer.kernel.numpy()
  diagonal_inverse = layer.diagonal_block.inverse().numpy()
  np.testing.assert_allclose(solve(y, kernel, diagonal_inverse), x, atol=1e-3)
  loop = {'loop': lambda: solve(y, kernel, diagonal_inverse)}
  return timing.medians(loop, **TIMES)['loop']


def _layer_and_images(shape):
  layer = tfp_cinc.bijectors.trainable_cinc_conv2d(shape[-1], 3, seed=0)
  return layer, tf.random.stateless_normal(shape, [0, 0])


def measure(shape, has_numba):
  """One row: the medians of both directions and the error of a round trip."""
  layer, x = _layer_and_images(shape)
  frozen = tfp_cinc.freeze(layer, event_shape=shape[1:])
  forward, inverse, frozen_inverse = (
    tf.function(function, autograph=False)
    for function in (layer.forward, layer.inverse, frozen.inverse)
  )
  y = tf.identity(forward(x))
  seconds = timing.medians(
    {
      'forward': lambda: forward(x),
      'inverse': lambda: inverse(y),
      'frozen inverse': lambda: frozen_inverse(y),
    },
    **TIMES,
  )
  row = {
    '[N, H, W, C]': str(list(shape)),
    'forward, ms': 1e3 * seconds['forward'],
    'inverse, ms': 1e3 * seconds['inverse'],
    'inverse / forward': seconds['inverse'] / seconds['forward'],
    'frozen inverse / forward': seconds['frozen inverse'] / seconds['forward'],
    'round-trip error': float(np.max(np.abs(inverse(y) - x))),
  }
  if has_numba:
    loop = timing.in_new_process(per_pixel_seconds, shape)
    row['per pixel, ms'] = 1e3 * loop
    row['per pixel / inverse'] = loop / seconds['inverse']
    row['per pixel / frozen inverse'] = loop / seconds['frozen inverse']
  return row


def main(out=None):
  """Prints the table; writes it as JSON where `out` is given."""
  has_numba = importlib.util.find_spec('numba') is not None
  if not has_numba:
    print("The pixel loop is left out: `pip install '.[bench]'` has numba.\n")
  report.write(
    'The inverse of a CInC convolution',
    'k=3, float32, medians of 101. "Per pixel" is a compiled loop over pixels '
    'on all cores, in a process of its own. "Frozen": with the matrices of the '
    'solve kept.',
    [measure(shape, has_numba) for shape in SHAPES],
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
