"""What a training step of 16 images takes of memory, by depth.

  python -m benchmarks.memory [OUT.json]

The peak of the resident memory during a step, over what the process held
before the first one: the Variables, Adam's slots and the traced graph.
TensorFlow keeps what it has allocated, so that a later resting memory says
nothing. The growth from one depth to another, less the gradients, is what the
activations of a step of depth take.
"""

import ctypes
import gc
import os
import statistics
import sys
import threading

import numpy as np

from benchmarks import report, timing

ROUNDS = 5
CASES = {  # flow -> the depths to compare
  'tfb.Glow': (2, 5),
  'cinc_paper': (4, 12),
  'cinc_paper, checkpoint': (8, 32),
  'cinc_paper, reversible': (8, 32),
}


def peaks(name, depth):
  """Median bytes of a step's peak, and bytes of the gradients."""
  from benchmarks import peers

  images = peers.random_images(16)
  flow = peers.flow(name, depth)
  step = peers.train_step(flow)
  step.get_concrete_function(images)
  gc.collect()
  trim = ctypes.CDLL(None).malloc_trim
  trim(0)
  resting, results = _resident(), []
  float(step(images))  # optimizes the graph, for which it needs memory too
  for _ in range(ROUNDS):
    trim(0)
    with _Peak() as peak:
      float(step(images))
    results.append(peak.value - resting)
  gradients = sum(4 * int(np.prod(v.shape)) for v in flow.trainable_variables)
  return statistics.median(results), gradients


def _resident():
  with open('/proc/self/statm') as file:
    return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


class _Peak:
  """The most resident memory within the block, looked at all the time."""

  def __enter__(self):
    self.value, self._ended = 0, threading.Event()
    self._thread = threading.Thread(target=self._watch)
    self._thread.start()
    return self

  def _watch(self):
    while not self._ended.wait(0.0005):
      self.value = max(self.value, _resident())

  def __exit__(self, *_):
    self._ended.set()
    self._thread.join()


def main(out=None):
  """Prints the table; writes it as JSON where `out` is given."""
  rows = []
  for name, (small, large) in CASES.items():
    low, low_gradients = timing.in_new_process(peaks, name, small)
    high, high_gradients = timing.in_new_process(peaks, name, large)
    growth = (high - low) / (large - small) / 2**20
    gradients = (high_gradients - low_gradients) / (large - small) / 2**20
    rows.append(
      {
        'flow': name,
        'D': f'{small} to {large}',
        'peak at the larger, MiB': high / 2**20,
        'gradients by depth, MiB': gradients,
        'growth by depth beyond them, MiB': growth - gradients,
      }
    )
  for row in rows:
    reference = rows[0]['growth by depth beyond them, MiB']
    row['ratio'] = row['growth by depth beyond them, MiB'] / reference
  report.write(
    'Memory of a training step by depth',
    '16 images of 32x32x3, L=3: a unit of depth is three steps of the flow. '
    f'Medians of {ROUNDS} steps in a process of its own. Ratios to tfb.Glow, '
    'whose networks have 400 channels to our 512.',
    rows,
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
