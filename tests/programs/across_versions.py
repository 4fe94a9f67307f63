"""Exchanges checkpoints and exported models between versions of TensorFlow.

  python -m tests.programs.across_versions write FOLDER
  python -m tests.programs.across_versions read FOLDER

`write` trains a tiny flow, exports it, and keeps its bits/dim of fixed images.
`read`, with another TensorFlow, opens the checkpoint, the SavedModel and the
file of weights, compares their bits/dim, and resumes the training. `make
test-versions` calls both, in both directions.
"""

import pathlib
import sys

import numpy as np
import tensorflow as tf

from tests.programs.processes import TINY
from training.commands import main as tfp_cinc
from training.trained.open_flow import open_flow


def main(what: str, folder: str) -> None:
  """Writes or reads a folder.

  Args:
    what: 'write' or 'read'.
    folder: Path of the folder.
  """
  run = pathlib.Path(folder) / 'run'
  weights = run.with_name('weights.npz')
  places = (run, run / 'saved_model', weights)
  kept = run.with_name('bits_per_dim.npz')
  if what == 'write':
    tfp_cinc(['train', '--config', TINY, '--workdir', str(run)])
    tfp_cinc(['export', str(run), '--output', str(weights)])
    np.savez(kept, tf.__version__, *map(bits_per_dim, places))
    return
  version, *written = np.load(kept).values()
  for place, expected in zip(places, written, strict=True):
    np.testing.assert_allclose(bits_per_dim(place), expected, rtol=1e-5)
  steps = ['--config.train.num_steps=8']
  tfp_cinc(['train', '--config', TINY, '--workdir', str(run), *steps])
  print(f'TensorFlow {tf.__version__} has read what {version} wrote.')


def bits_per_dim(place):
  """Returns the bits/dim [4] of fixed images under the flow in a file."""
  images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1], np.uint8)
  return open_flow(place).bits_per_dim(images)


if __name__ == '__main__':
  main(*sys.argv[1:])
