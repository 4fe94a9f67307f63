"""Measures the speed of two single-threaded workers relative to one.

  python -m benchmarks.scaling [OUT.json]

The Horovod workers train the flow of `cinc_photos` with wider networks, using
the usual training step and input pipeline. Each worker has one core for all of
its work. Runs of one and of two workers take turns, and the runs of one worker
alternate between the cores.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks import report

ROUNDS = 5
IMAGES = 512  # per worker and run, after two warm-up steps
# Images per worker that go through the flow at once, and images per worker and
# step. Workers wait for each other once per step.
PART, BATCH_SIZES = 64, (64, 256)


def main(out=None):
  """Prints the table, and writes it as JSON if `out` is given."""
  runs = [(size, workers) for size in BATCH_SIZES for workers in (1, 2)]
  speeds = {run: [] for run in runs}
  for round_ in range(ROUNDS):
    for run in runs:
      speeds[run].append(_run(*run, first_core=round_))
  medians = {run: statistics.median(values) for run, values in speeds.items()}
  report.write(
    'Two single-threaded workers compared with one',
    f'Medians of {ROUNDS} runs of {IMAGES} images per worker. 32x32x3, L=3, '
    f'D=4, networks of 512 channels, Adam, {PART} images through the flow at '
    'once. Images are read from the photographs, cropped, flipped and '
    'dequantized as in training. Workers wait for each other once per step.',
    [
      {
        'images per worker and step': size,
        'workers': workers,
        'images/s': round(medians[size, workers], 1),
        'ratio': round(medians[size, workers] / medians[size, 1], 2),
      }
      for size, workers in runs
    ],
    out,
  )


def _run(batch_size, workers, first_core):
  """Returns the images per second of a run with this many workers."""
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'speed.json')
    command = ['horovodrun', '--gloo', '-np', str(workers)]
    command += [sys.executable, '-m', 'benchmarks.scaling', '--worker', path]
    command += [str(batch_size), str(first_core)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
      sys.exit(f'{" ".join(command)} failed:\n{done.stderr}')
    with open(path) as file:
      return json.load(file)


def _worker(path, batch_size, first_core):
  """Trains as one of the workers; worker 0 writes the total speed."""
  cores = sorted(os.sched_getaffinity(0))
  place = int(os.environ['HOROVOD_RANK']) + first_core
  os.sched_setaffinity(0, {cores[place % len(cores)]})

  import tensorflow as tf

  import tfp_cinc
  from training.configs.loading import load_config
  from training.data.batches import configured_batches
  from training.data.load import load_dataset
  from training.loop.model import build_flow
  from training.loop.optimization.learning_rate import learning_rate_schedule
  from training.loop.optimization.optimizer import build_optimizer
  from training.loop.train_step import make_train_step
  from training.loop.workers import Workers

  config = load_config('cinc_photos')
  config.flow.hidden_channels = 512
  config.train.optimizer = 'adam'  # Muon is slow for such wide networks
  workers = Workers()
  dataset = load_dataset(config.data)
  batches = iter(
    configured_batches(
      config,
      dataset,
      batch_size * workers.size,
      rank=workers.rank,
      size=workers.size,
    )
  )
  flow = build_flow(config, dataset.image_shape)
  rate = learning_rate_schedule(config.train)
  optimizer = build_optimizer(config.train, flow, rate)
  tfp_cinc.initialize_from_data(flow, next(batches))
  workers.broadcast(flow.variables)
  step = make_train_step(
    flow,
    optimizer,
    workers,
    num_bits=config.data.num_bits,
    clip_norm=config.train.clip_norm,
    accumulate=batch_size // PART,
  )
  for _ in range(2):
    step(next(batches), tf.constant(False))
  started = time.perf_counter()
  steps_timed = IMAGES // batch_size
  for _ in range(steps_timed):
    float(step(next(batches), tf.constant(False))['bits_per_dim'])
  seconds = time.perf_counter() - started
  if workers.is_first:
    with open(path, 'w') as file:
      json.dump(workers.size * batch_size * steps_timed / seconds, file)


if __name__ == '__main__':
  if sys.argv[1:2] == ['--worker']:
    _worker(sys.argv[2], *map(int, sys.argv[3:]))
  else:
    main(*sys.argv[1:])
