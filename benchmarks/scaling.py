"""Images a second of two Horovod workers against one, one thread each.

  python -m benchmarks.scaling [OUT.json]

The main job's flow with wider networks, its training step and input pipeline,
each worker with one core for all of it. Runs of one and of two workers take
turns; one worker has each of the cores in turn.
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
IMAGES = 512  # of a worker and run, after two steps to begin with
# Of a worker: those that go through the flow at once, and those of a step, at
# the end of which workers wait for each other.
PART, BATCH_SIZES = 64, (64, 256)


def main(out=None):
  """Prints the table; writes it as JSON where `out` is given."""
  runs = [(size, workers) for size in BATCH_SIZES for workers in (1, 2)]
  speeds = {run: [] for run in runs}
  for round_ in range(ROUNDS):
    for run in runs:
      speeds[run].append(_run(*run, first_core=round_))
  medians = {run: statistics.median(values) for run, values in speeds.items()}
  report.write(
    'Two workers of one thread against one',
    f'Medians of {ROUNDS} runs of {IMAGES} images a worker; 32x32x3, L=3, D=4, '
    f'networks of 512 channels, Adam, {PART} images through the flow at once, '
    'read from the photographs, cut, flipped and dequantized as in training. '
    'Workers wait for each other once a step.',
    [
      {
        'images a worker and step': size,
        'workers': workers,
        'images/s': round(medians[size, workers], 1),
        'ratio': round(medians[size, workers] / medians[size, 1], 2),
      }
      for size, workers in runs
    ],
    out,
  )


def _run(batch_size, workers, first_core):
  """Images a second of a run of this many workers."""
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
  """Trains as one of the workers; worker 0 writes the speed of all."""
  cores = sorted(os.sched_getaffinity(0))
  place = int(os.environ['HOROVOD_RANK']) + first_core
  os.sched_setaffinity(0, {cores[place % len(cores)]})

  import tensorflow as tf

  import tfp_cinc
  from training import datasets, steps
  from training.configs import cinc_photos
  from training.distributed import Workers
  from training.optimization import build_optimizer

  config = cinc_photos.get_config()
  config.flow.hidden_channels = 512
  config.train.optimizer = 'adam'  # so wide, Muon costs much
  workers = Workers()
  dataset = datasets.load(config.data)
  batches = iter(
    datasets.configured_batches(
      config,
      dataset,
      batch_size * workers.size,
      rank=workers.rank,
      size=workers.size,
    )
  )
  flow = steps.build_flow(config, dataset.image_shape)
  optimizer = build_optimizer(config.train, flow)
  tfp_cinc.initialize_from_data(flow, next(batches))
  workers.broadcast(flow.variables)
  step = steps.make_train_step(
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
