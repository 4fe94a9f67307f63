"""Compares CInCConv2D's inverse with its forward pass and with a pixel loop.

  python -m benchmarks.solvers [OUT.json]

Our functions are compiled by `tf.function` and read the kernel from variables.
In a frozen inverse the matrices of the solve are precomputed, as by
`tfp_cinc.freeze` and in exported models. The loop inverts pixel by pixel like
the published code of CInC Flow, but is compiled and processes all images in
parallel on all cores.
"""

import importlib.util
import sys

import numpy as np
import tensorflow as tf

import tfp_cinc
from benchmarks import per_pixel, report, timing

# Image sizes and channels of the levels of a flow on 32 x 32 x 3 and beyond.
IMAGES = [
  (32, 32, 12),
  (16, 16, 12),
  (8, 8, 24),
  (8, 8, 48),
  (8, 8, 96),
  (4, 4, 192),
  (4, 4, 384),
]
BATCHES = (1, 16, 100)
TIMES = {'rounds': 31, 'warmups': 15}


def per_pixel_seconds(shape):
  """Returns the median seconds of a compiled loop over the pixels.

  Call it in a process of its own: numba's idle threads spin for a while, which
  would disturb the next measurement.
  """
  solve = per_pixel.compile_solve()
  layer, x = _layer_and_images(shape)
  y, kernel = layer.forward(x).numpy(), layer.kernel.numpy()
  diagonal_inverse = layer.diagonal_block.inverse().numpy()
  np.testing.assert_allclose(solve(y, kernel, diagonal_inverse), x, atol=1e-3)
  loop = {'loop': lambda: solve(y, kernel, diagonal_inverse)}
  return timing.medians(loop, rounds=7)['loop']


def _layer_and_images(shape):
  layer = tfp_cinc.bijectors.trainable_cinc_conv2d(shape[-1], 3, seed=0)
  return layer, tf.random.stateless_normal(shape, [0, 0])


def measure(shape, has_numba):
  """Returns a row: medians of both directions and the round-trip error."""
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
    # The loop runs on all cores only if there are many images.
    is_measured = shape[0] == max(BATCHES)
    loop = timing.in_new_process(per_pixel_seconds, shape) if is_measured else 0
    row['per pixel, ms'] = 1e3 * loop or None
    row['per pixel / inverse'] = loop / seconds['inverse'] or None
    row['per pixel / frozen inverse'] = loop / seconds['frozen inverse'] or None
  return row


def main(out=None):
  """Prints the table, and writes it as JSON if `out` is given."""
  has_numba = importlib.util.find_spec('numba') is not None
  if not has_numba:
    print("Skipping the pixel loop; `pip install '.[bench]'` installs numba.\n")
  report.write(
    'The inverse of a CInC convolution',
    f'k=3, float32, medians of {TIMES["rounds"]} calls. "Per pixel" is a '
    'compiled loop over pixels on all cores, in its own process (medians of 7 '
    'calls). "Frozen" means that the matrices of the solve are precomputed.',
    [
      measure((number, *image), has_numba)
      for image in IMAGES
      for number in BATCHES
    ],
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
