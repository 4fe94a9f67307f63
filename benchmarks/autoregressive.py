"""Measures the sampling cost of TarFlow by the number of patches.

python -m benchmarks.autoregressive [OUT.json]
"""

import sys

import numpy as np
import tensorflow as tf

import tfp_cinc
from benchmarks import report, timing

SIDES = (4, 8, 16)  # patches in a row
NUMBER, DEPTH, LAYERS, CHANNELS = 64, 4, 2, 64
ROUNDS = 5


def _flow(side, solver):
  """Returns a flow whose weights are moved away from the identity."""
  flow = tfp_cinc.models.tarflow(
    [2 * side, 2 * side, 3],
    depth=DEPTH,
    num_layers=LAYERS,
    hidden_channels=CHANNELS,
    solver=solver,
    seed=0,
  )
  rng = np.random.default_rng(0)
  for variable in flow.trainable_variables:
    variable.assign_add(0.02 * rng.normal(size=variable.shape))
  return flow


def measure(side):
  """Returns a row: seconds of a density, ratios and the size of the cache."""
  flow, tokens = _flow(side, 'cache'), side**2
  x = tf.random.stateless_uniform([NUMBER, 2 * side, 2 * side, 3], [0, 0]) - 0.5
  seed = tf.constant([0, 1])

  def gradient(x):
    with tf.GradientTape() as tape:
      loss = -tf.reduce_mean(flow.log_prob(x))
    found = tape.gradient(loss, flow.trainable_variables)
    return [tf.reduce_sum(part) for part in found]

  functions = {
    'log_prob': (flow.log_prob, x),
    'gradient': (gradient, x),
  }
  for solver in ('cache', 'jacobi'):
    own = _flow(side, solver)
    functions[solver] = (
      lambda seed, own=own: own.sample(NUMBER, seed=seed),
      seed,
    )
  compiled = {
    name: (tf.function(function, autograph=False), argument)
    for name, (function, argument) in functions.items()
  }
  seconds = timing.medians(
    {
      name: lambda function=function, argument=argument: function(argument)
      for name, (function, argument) in compiled.items()
    },
    rounds=ROUNDS,
    warmups=1,
  )
  cache = 2 * LAYERS * NUMBER * tokens * CHANNELS * 4  # bytes in float32
  return {
    'patches': tokens,
    'log_prob, ms': 1e3 * seconds['log_prob'],
    'gradient / log_prob': seconds['gradient'] / seconds['log_prob'],
    'sample / log_prob': seconds['cache'] / seconds['log_prob'],
    'sample, ms per patch': 1e3 * seconds['cache'] / tokens,
    'sample by Jacobi / log_prob': seconds['jacobi'] / seconds['log_prob'],
    'cache, MiB': cache / 2**20,
  }


def main(out=None):
  """Prints the table, and writes it as JSON if `out` is given."""
  report.write(
    'TarFlow by the number of patches',
    f'{NUMBER} images; `tarflow` with {DEPTH} blocks of {LAYERS} layers of '
    f'{CHANNELS} channels, in float32, with weights that are moved from their '
    'start by N(0, 0.02^2). Sampling uses the cache of keys and values unless '
    'the column says otherwise. The cache is that of one block, 2 K N L D '
    f'numbers. Medians of {ROUNDS} calls.',
    [measure(side) for side in SIDES],
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
