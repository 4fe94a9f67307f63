"""Runs on images of a distribution whose entropy is known."""

import itertools
import json

import numpy as np

from tests.training import tiny
from training.loop.train import train

# A pixel is A times the one below it plus A times the one to its right, minus
# A^2 times the one between these two, plus white noise of deviation SIGMA.
A, SIGMA, SIDE = 0.7, 0.04, 8

# The map from images to white noise has the determinant SIGMA^-(SIDE * SIDE).
GAUSSIAN_BITS = 0.5 * np.log2(2 * np.pi * np.e * SIGMA**2) + 8


def gaussian_images(number, seed):
  """Returns uint8 [number, SIDE, SIDE, 1]."""
  noise = np.random.default_rng(seed).normal(size=[SIDE, SIDE, number])
  x = np.zeros([SIDE + 1, SIDE + 1, number])
  for i, j in itertools.product(reversed(range(SIDE)), repeat=2):
    x[i, j] = A * (x[i + 1, j] + x[i, j + 1] - A * x[i + 1, j + 1])
    x[i, j] += SIGMA * noise[i, j]
  values = np.moveaxis(x[:-1, :-1], -1, 0)[..., np.newaxis]
  assert np.max(np.abs(values)) < 0.5
  return np.floor((values + 0.5) * 256).astype(np.uint8)


def train_on(folder, train_images, test_images, **changes):
  """Trains on arrays of images; returns the folder of the run."""
  np.savez(folder / 'data.npz', train=train_images, test=test_images)
  config = tiny.get_config()
  # The setting would stay for all other tests of this process.
  config.train.deterministic = False
  config.eval.noise_draws = 4
  config.data.name, config.data.dir = 'arrays', str(folder / 'data.npz')
  config.data.image_size = train_images.shape[1]
  config.flow.update(
    layers='cinc', padding='bottom_right', kernel_size=2, scale_function='tanh'
  )
  config.train.update(
    num_steps=200,
    batch_size=128,
    init_images=1024,
    learning_rate=0.03,
    schedule='cosine',
    ema_decay=0.9,
    warmup_steps=5,
    log_every=200,
    eval_every=200,
    checkpoint_every=200,
  )
  for part, values in changes.items():
    config[part].update(values)
  train(config, str(folder / 'run'))
  return folder / 'run'


def train_on_gaussian(folder):
  """Trains on Gaussian images for a short time; returns the run's folder."""
  return train_on(
    folder,
    gaussian_images(8192, 0),
    gaussian_images(1024, 1),
    flow={'network_dtype': 'bfloat16'},
  )


def reached(run):
  """Returns the test bits/dim that a run reports at its end."""
  return json.loads((run / 'metrics.json').read_text())['test_bits_per_dim']
