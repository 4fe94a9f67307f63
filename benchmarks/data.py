"""Measures the share of a training step that is spent waiting for images.

  python -m benchmarks.data [OUT.json]

One worker trains the flow of `training/configs/cinc_photos.py` with Adam. The
batches come from the input pipeline of a training run, which prepares the next
batches while a step computes.
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
from training.configs import cinc_photos
from training.data.batches import configured_batches
from training.data.load import load_dataset
from training.loop.model import build_flow

FILES = 2000
STEPS = 20
WARMUPS = 3
BATCHES = 50


def write_folder(folder):
  """Writes 64x64 PNG files that are smooth with noise, like photographs."""
  chance = np.random.default_rng(0)
  for number in range(FILES):
    coarse = PIL.Image.fromarray(chance.integers(0, 256, [8, 8, 3], np.uint8))
    smooth = np.asarray(coarse.resize((64, 64), PIL.Image.Resampling.BICUBIC))
    noise = chance.integers(-8, 9, smooth.shape)
    image = np.clip(smooth + noise, 0, 255).astype(np.uint8)
    PIL.Image.fromarray(image).save(f'{folder}/{number:05}.png')


def stream(config, **values):
  """Returns the batches of a run with some values of `config.data` replaced."""
  config = config.copy_and_resolve_references()
  config.data.update(values)
  return iter(
    configured_batches(
      config, load_dataset(config.data), config.train.batch_size
    )
  )


def measure(step, batches):
  """Returns the share of waiting, seconds per step and seconds per batch."""
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
  """Prints the table, and writes it as JSON if `out` is given."""
  tf.config.experimental.enable_op_determinism()  # as in a training run
  config = cinc_photos.get_config()
  tf.random.set_seed(config.seed)
  with tempfile.TemporaryDirectory() as folder:
    write_folder(folder)
    files = {'name': 'folder', 'dir': folder}
    cases = {
      'photographs in memory': {},
      'PNG files, decoded on each use': {**files, 'cache_mb': 0},
      'PNG files, cached in memory': files,
      'photographs, shifted by up to 4 pixels': {'crop': 4},
    }
    size = config.data.image_size
    flow = build_flow(config, (size, size, 3))
    tfp_cinc.initialize_from_data(flow, next(stream(config)))
    step = peers.train_step(flow)
    rows = []
    for name, values in cases.items():
      share, seconds, alone = measure(step, stream(config, **values))
      rows.append(
        {
          'images': name,
          'waiting, % of step': 100 * share,
          'step, s': seconds,
          'batch only, s': alone,
        }
      )
  report.write(
    'Waiting for images',
    f'{STEPS} training steps of the flow of cinc_photos with Adam, one worker, '
    f'{config.train.batch_size} images of {size}x{size} per step. The {FILES} '
    'PNG files have 64x64 pixels and are resized. "Batch only" is the time to '
    'produce a batch while no step computes.',
    rows,
    out,
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
