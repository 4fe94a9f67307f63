"""Measures the cost of a flow by the size of its images.

  python -m benchmarks.image_size [OUT.json]

Each size is measured in a process of its own, so that first calls are those of
a new process.
"""

import sys
import time

from benchmarks import report, timing
from benchmarks.memory import Peak, resident_bytes

SIZES = (32, 64, 128, 256)
LEVELS, DEPTH, CHANNELS = 6, 4, 32
ROUNDS = 7


def measure(size):
  """Returns a row: seconds of first and later calls, ratios and memory."""
  import tensorflow as tf

  import tfp_cinc

  levels = min(LEVELS, size.bit_length() - 2)  # the last level has 2 x 2 pixels
  flow = tfp_cinc.models.cinc(
    [size, size, 3],
    levels=levels,
    depth=DEPTH,
    hidden_channels=CHANNELS,
    seed=0,
  )
  x = tf.random.stateless_uniform([1, size, size, 3], [0, 0]) - 0.5
  tfp_cinc.initialize_from_data(flow, x)
  variables = list(flow.trainable_variables)

  @tf.function(autograph=False)
  def gradient():
    with tf.GradientTape() as tape:
      loss = -tf.reduce_mean(flow.log_prob(x))
    return [tf.reduce_sum(g) for g in tape.gradient(loss, variables)]

  log_prob = tf.function(lambda: flow.log_prob(x), autograph=False)
  sample = tf.function(lambda: flow.sample(1), autograph=False)
  functions = {
    'log_prob': lambda: log_prob().numpy(),
    'sample': lambda: sample().numpy(),
    'gradient': lambda: gradient()[0].numpy(),
  }
  first, before = {}, resident_bytes()
  with Peak() as peak:
    for name, function in functions.items():
      start = time.perf_counter()
      function()
      first[name] = time.perf_counter() - start
    seconds = timing.medians(functions, rounds=ROUNDS)
  return {
    'H = W': size,
    'L': levels,
    'first log_prob, s': first['log_prob'],
    'first sample, s': first['sample'],
    'first gradient, s': first['gradient'],
    'log_prob, ms': 1e3 * seconds['log_prob'],
    'sample / log_prob': seconds['sample'] / seconds['log_prob'],
    'gradient / log_prob': seconds['gradient'] / seconds['log_prob'],
    'memory, MiB': (peak.value - before) / 2**20,
  }


def main(out=None):
  """Prints the table, and writes it as JSON if `out` is given."""
  rows = [timing.in_new_process(measure, size) for size in SIZES]
  report.write(
    'One image, by its size',
    f'`cinc` with L levels, D={DEPTH}, networks of {CHANNELS} channels; one '
    'image, weights not frozen. First calls trace and optimize the graph. The '
    'memory is the growth of the process from before the first call to the '
    f'peak of all calls. Medians of {ROUNDS} calls, each size in its own '
    'process.',
    rows,
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
