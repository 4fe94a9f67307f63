"""Measures the memory of a training step of 16 images, by depth.

  python -m benchmarks.memory [OUT.json]

A peak is the largest resident memory during a step, minus the memory of the
process before the first step (variables, Adam's slots and the traced graph).
The baseline is measured before the first step because TensorFlow does not
release the memory that it has allocated. The growth per unit of depth, minus
the gradients, is the memory of the activations.
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
CASES = {  # flow -> the two depths to compare
  'tfb.Glow': (2, 5),
  'cinc_paper': (4, 12),
  'cinc_paper, checkpoint': (8, 32),
  'cinc_paper, reversible': (8, 32),
}


def peaks(name, depth):
  """Returns the median peak of a step and the size of gradients, in bytes."""
  from benchmarks import peers

  images = peers.random_images(16)
  flow = peers.flow(name, depth)
  step = peers.train_step(flow)
  step.get_concrete_function(images)
  gc.collect()
  trim = ctypes.CDLL(None).malloc_trim
  trim(0)
  resting, results = resident_bytes(), []
  float(step(images))  # optimizes the graph, which needs memory as well
  for _ in range(ROUNDS):
    trim(0)
    with Peak() as peak:
      float(step(images))
    results.append(peak.value - resting)
  gradients = sum(4 * int(np.prod(v.shape)) for v in flow.trainable_variables)
  return statistics.median(results), gradients


def resident_bytes() -> int:
  """Returns the resident memory of this process."""
  with open('/proc/self/statm') as file:
    return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


class Peak:
  """Records the largest resident memory within the block by polling it.

  Attributes:
    value: The largest resident memory so far, in bytes.
  """

  def __enter__(self):
    self.value, self._ended = 0, threading.Event()
    self._thread = threading.Thread(target=self._watch)
    self._thread.start()
    return self

  def _watch(self):
    while not self._ended.wait(0.0005):
      self.value = max(self.value, resident_bytes())

  def __exit__(self, *_):
    self._ended.set()
    self._thread.join()


def main(out=None):
  """Prints the table, and writes it as JSON if `out` is given."""
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
        'peak at larger D, MiB': high / 2**20,
        'gradients per D, MiB': gradients,
        'other growth per D, MiB': growth - gradients,
      }
    )
  for row in rows:
    reference = rows[0]['other growth per D, MiB']
    row['ratio'] = row['other growth per D, MiB'] / reference
  report.write(
    'Memory of a training step by depth',
    '16 images of 32x32x3, L=3, so that each unit of depth D adds three steps '
    f'to the flow. Medians of {ROUNDS} training steps, each flow in its own '
    'process. "Other growth" is the growth of the peak minus that of the '
    'gradients. Ratios are relative to tfb.Glow, whose networks have 400 '
    'channels; ours have 512.',
    rows,
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
