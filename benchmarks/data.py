"""The share of a training step that waits for its images.

  python -m benchmarks.data [OUT.json]

One worker trains the flow of `training/configs/cinc_photos.py` by Adam, each
step on a batch of the stream that a run reads, while the next ones are made
beside it.
"""

import statistics
import sys
import tempfile
import time

import numpy as np
import PIL.Image
import tensorflow as tf

import tfp_cinc
from benchmarks import peers, report
from training import datasets, steps
from training.configs import cinc_photos

FILES = 2000
STEPS = 20
WARMUPS = 3
BATCHES = 50


def write_folder(folder):
  """Writes 64x64 PNG files of what photographs have: smooth parts and noise."""
  chance = np.random.default_rng(0)
  for number in range(FILES):
    coarse = PIL.Image.fromarray(chance.integers(0, 256, [8, 8, 3], np.uint8))
    smooth = np.asarray(coarse.resize((64, 64), PIL.Image.Resampling.BICUBIC))
    noise = chance.integers(-8, 9, smooth.shape)
    image = np.clip(smooth + noise, 0, 255).astype(np.uint8)
    PIL.Image.fromarray(image).save(f'{folder}/{number:05}.png')


def stream(config, **values):
  """The iterator that a run with some `config.data` reads from."""
  config = config.copy_and_resolve_references()
  config.data.update(values)
  return iter(
    datasets.configured_batches(
      config, datasets.load(config.data), config.train.batch_size
    )
  )


def measure(step, batches):
  """The share of waiting in all steps, seconds of one, seconds of a batch."""
  waits, seconds = [], []
  for _ in range(WARMUPS + STEPS):
    start = time.perf_counter()
    images = next(batches)
    waited = time.perf_counter()
    step(images).numpy()
    waits.append(waited - start)
    seconds.append(time.perf_counter() - start)
  alone = time.perf_counter()
  for _ in range(BATCHES):
    next(batches)
  alone = (time.perf_counter() - alone) / BATCHES
  wait, total = sum(waits[WARMUPS:]), sum(seconds[WARMUPS:])
  return wait / total, statistics.median(seconds[WARMUPS:]), alone


def main(out=None):
  """Prints the table; writes it as JSON where `out` is given."""
  tf.config.experimental.enable_op_determinism()  # as a run does
  config = cinc_photos.get_config()
  tf.random.set_seed(config.seed)
  with tempfile.TemporaryDirectory() as folder:
    write_folder(folder)
    files = {'name': 'folder', 'dir': folder}
    cases = {
      'photographs in memory': {},
      'PNG files, decoded at each use': {**files, 'cache_mb': 0},
      'PNG files, cached in memory': files,
      'photographs, moved by up to 4 pixels': {'crop': 4},
    }
    size = config.data.image_size
    flow = steps.build_flow(config, (size, size, 3))
    tfp_cinc.initialize_from_data(flow, next(stream(config)))
    step = peers.train_step(flow)
    rows = []
    for name, values in cases.items():
      share, seconds, alone = measure(step, stream(config, **values))
      rows.append(
        {
          'images': name,
          'waiting, % of a step': 100 * share,
          'a step, s': seconds,
          'a batch alone, s': alone,
        }
      )
  report.write(
    'Waiting for images',
    f'Steps of Adam on the flow of cinc_photos, {config.train.batch_size} '
    f'images of {size}x{size}, one worker, {STEPS} steps; {FILES} PNG files of '
    '64x64, resized. A batch '
    'alone: while no step computes.',
    rows,
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
