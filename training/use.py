"""The commands that use a trained run."""

import pathlib

import numpy as np

from training import evaluate as evaluation
from training import pictures, steps
from training.run import load_run

__all__ = ['evaluate', 'sample']


def evaluate(folder: str, noise_draws: int) -> None:
  """Prints the test bits/dim of a run with its standard error.

  Args:
    folder: the run's workdir.
    noise_draws: draws of dequantization noise for each image.
  """
  run = load_run(folder)
  with run.average.applied():
    bits = evaluation.bits_per_dim(
      steps.make_log_prob(run.flow),
      run.dataset.test_images,
      num_bits=run.config.data.num_bits,
      draws=noise_draws,
      batch_size=run.config.eval.batch_size,
    )
  print(
    f'Test bits/dim {np.mean(bits):.4f} +- '
    f'{np.std(bits) / np.sqrt(len(bits)):.4f} (standard error over {len(bits)} '
    f'images of {run.dataset.name}, {noise_draws} noise draws each)'
  )


def sample(folder: str, number: int, temperature: float, seed: int) -> None:
  """Writes a grid of samples of a run beside its other results.

  Args:
    folder: the run's workdir.
    number: how many images.
    temperature: standard deviation of the latents.
    seed: of the latents.
  """
  run = load_run(folder)
  with run.average.applied():
    images = evaluation.sample(
      run.flow,
      number,
      temperature=temperature,
      num_bits=run.config.data.num_bits,
      seed=seed,
    )
  path = pathlib.Path(folder, f'samples_{temperature:g}_{seed}.png')
  width = int(np.ceil(np.sqrt(number)))
  rows = {
    str(start): images[start : start + width]
    for start in range(0, number, width)
  }
  pictures.write_rows(path, rows, f'Temperature {temperature:g}, seed {seed}')
  print(f'Wrote {path}')
