"""Time of CInCConv2D's inverse against its forward pass.

  python -m benchmarks.solvers [OUT.json]

Both are compiled by tf.function and read their kernel from Variables.
"""

import sys

import numpy as np
import tensorflow as tf

import tfp_cinc
from benchmarks import timing

SHAPES = [
  (100, 16, 16, 12),
  (100, 32, 32, 12),
  (100, 8, 8, 24),
  (100, 4, 4, 48),
]


def measure(shape, kernel_size=3):
  """One row: the medians of both directions and the error of a round trip."""
  layer = tfp_cinc.trainable_cinc_conv2d(shape[-1], kernel_size, seed=0)
  forward = tf.function(layer.forward, autograph=False)
  inverse = tf.function(layer.inverse, autograph=False)
  x = tf.random.stateless_normal(shape, [0, 0])
  y = tf.identity(forward(x))
  seconds = timing.medians(
    {'forward': lambda: forward(x), 'inverse': lambda: inverse(y)}
  )
  return {
    'shape': list(shape),
    'forward_ms': 1e3 * seconds['forward'],
    'inverse_ms': 1e3 * seconds['inverse'],
    'ratio': seconds['inverse'] / seconds['forward'],
    'round_trip_error': float(np.max(np.abs(inverse(y) - x))),
  }


def main(out=None):
  """Prints the table; writes it as JSON where `out` is given."""
  print(f'CInCConv2D, k = 3, float32; medians of 31; {timing.machine()}')
  print(
    f'{"[N, H, W, C]":>20} {"forward":>10} {"inverse":>10} {"ratio":>6} error'
  )
  rows = []
  for shape in SHAPES:
    row = measure(shape)
    rows.append(row)
    print(
      f'{row["shape"]!s:>20} {row["forward_ms"]:>7.2f} ms '
      f'{row["inverse_ms"]:>7.2f} ms {row["ratio"]:>6.2f} '
      f'{row["round_trip_error"]:.0e}'
    )
  if out:
    timing.write_json(out, rows)


if __name__ == '__main__':
  main(*sys.argv[1:])
