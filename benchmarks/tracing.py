"""Times the first training step: tracing, graph optimization and execution.

  python -m benchmarks.tracing [OUT.json]

Each measurement has its own process and uses 16 images and Adam. Building the
flow is not included.
"""

import statistics
import sys
import time

from benchmarks import report, timing

ROUNDS = 5
CASES = [
  ('tfb.Glow', 4),
  ('cinc_paper', 4),
  ('cinc_paper', 32),
  ('cinc_paper, reversible', 32),
]


def first_step(name, depth):
  """Returns the seconds of the first training step."""
  from benchmarks import peers

  images = peers.random_images(16)
  flow = peers.flow(name, depth)
  started = time.perf_counter()
  float(peers.train_step(flow)(images))
  return time.perf_counter() - started


def main(out=None):
  """Prints the table, and writes it as JSON if `out` is given."""
  seconds = {case: [] for case in CASES}
  for _ in range(ROUNDS):
    for case, values in seconds.items():
      values.append(timing.in_new_process(first_step, *case))
  medians = {case: statistics.median(v) for case, v in seconds.items()}
  report.write(
    'The first training step',
    f'L=3, 16 images of 32x32x3, medians of {ROUNDS} processes. Ratios are '
    'relative to tfb.Glow at D=4.',
    [
      {
        'flow': name,
        'D': depth,
        'seconds': value,
        'ratio': value / medians[CASES[0]],
      }
      for (name, depth), value in medians.items()
    ],
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
