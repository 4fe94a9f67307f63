"""Exchanges checkpoints and exported models between versions of TensorFlow.

  python -m tests.programs.across_versions write FOLDER
  python -m tests.programs.across_versions read FOLDER

`write` trains a tiny flow, exports it, and keeps its bits/dim of fixed images.
`read`, with another TensorFlow, opens the checkpoint, the SavedModel and the
file of weights, compares their bits/dim, and resumes a copy of the run. `make
test-versions` calls both, in both directions.
"""

import argparse
import pathlib
import shutil
import tempfile

import numpy as np
import tensorflow as tf

from tests.programs.processes import TINY
from training.commands import main as tfp_cinc
from training.trained.open_flow import open_flow


def main() -> None:
  """Writes or reads the folder of the command line."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('what', choices=['write', 'read'])
  parser.add_argument('folder', type=pathlib.Path)
  options = parser.parse_args()
  run = options.folder / 'run'
  weights = run.with_name('weights.npz')
  places = (run, run / 'saved_model', weights)
  kept = run.with_name('bits_per_dim.npz')
  if options.what == 'write':
    tfp_cinc(['train', '--config', TINY, '--workdir', str(run)])
    tfp_cinc(['export', str(run), '--output', str(weights)])
    np.savez(kept, tf.__version__, *map(bits_per_dim, places))
    return
  version, *written = np.load(kept).values()
  for place, expected in zip(places, written, strict=True):
    np.testing.assert_allclose(
      bits_per_dim(place),
      expected,
      rtol=1e-5,
      err_msg=f'{place}, written by TensorFlow {version}',
    )
  with tempfile.TemporaryDirectory() as folder:
    copy = shutil.copytree(run, pathlib.Path(folder, 'run'))
    steps = ['--config.train.num_steps=8']
    tfp_cinc(['train', '--config', TINY, '--workdir', str(copy), *steps])
  print(f'TensorFlow {tf.__version__} has read what {version} wrote.')


def bits_per_dim(place):
  """Returns the bits/dim [4] of fixed images under the flow in a file."""
  images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1], np.uint8)
  return open_flow(place).bits_per_dim(images)


if __name__ == '__main__':
  main()
