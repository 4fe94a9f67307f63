"""Images a second of two Horovod workers against one, one thread each.

  python -m benchmarks.scaling [OUT.json]

The main job's flow, training step and input pipeline, each worker with 64
images a step and one core for all of it. Runs of one and of two workers take
turns.
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
STEPS = 6
BATCH_SIZE = 64


def main(out=None):
  """Prints the table; writes it as JSON where `out` is given."""
  speeds = {1: [], 2: []}
  for _ in range(ROUNDS):
    for workers, values in speeds.items():
      values.append(_run(workers))
  one, two = map(statistics.median, speeds.values())
  report.write(
    'Two workers of one thread against one',
    f'Medians of {ROUNDS} runs of {STEPS} steps; 32x32x3, L=3, D=4, networks '
    f'of 512 channels, {BATCH_SIZE} images a worker and step, read from the '
    'photographs, cut, flipped and dequantized as in training.',
    [
      {'workers': 1, 'images/s': round(one, 1), 'ratio': 1.0},
      {'workers': 2, 'images/s': round(two, 1), 'ratio': round(two / one, 2)},
    ],
    out,
  )


def _run(workers):
  """Images a second of a run of this many workers."""
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'speed.json')
    command = ['horovodrun', '--gloo', '-np', str(workers)]
    command += [sys.executable, '-m', 'benchmarks.scaling', '--worker', path]
    subprocess.run(command, check=True, capture_output=True)
    with open(path) as file:
      return json.load(file)


def _worker(path):
  """Trains as one of the workers; worker 0 writes the speed of all."""
  cores = sorted(os.sched_getaffinity(0))
  rank = int(os.environ['HOROVOD_RANK'])
  os.sched_setaffinity(0, {cores[rank % len(cores)]})

  import tensorflow as tf

  import tfp_cinc
  from training import datasets, steps
  from training.configs import cinc_photos
  from training.distributed import Workers

  config = cinc_photos.get_config()
  config.flow.hidden_channels = 512
  workers = Workers()
  dataset = datasets.load(config.data)
  batches = iter(
    datasets.training_batches(
      dataset,
      seed=config.seed,
      batch_size=BATCH_SIZE * workers.size,
      num_bits=config.data.num_bits,
      flip=config.data.flip,
      crop=config.data.crop,
      rank=workers.rank,
      size=workers.size,
    )
  )
  flow = steps.build_flow(config, dataset.image_shape)
  optimizer = steps.build_optimizer(config.train, flow.trainable_variables)
  tfp_cinc.initialize_from_data(flow, next(batches))
  workers.broadcast(flow.variables)
  step = steps.make_train_step(
    flow, optimizer, workers, num_bits=8, clip_norm=1.0
  )
  for _ in range(2):
    step(next(batches), tf.constant(False))
  started = time.perf_counter()
  for _ in range(STEPS):
    float(step(next(batches), tf.constant(False))['bits_per_dim'])
  seconds = time.perf_counter() - started
  if workers.is_first:
    with open(path, 'w') as file:
      json.dump(workers.size * BATCH_SIZE * STEPS / seconds, file)


if __name__ == '__main__':
  if sys.argv[1:2] == ['--worker']:
    _worker(sys.argv[2])
  else:
    main(*sys.argv[1:])
