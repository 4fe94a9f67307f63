"""Data sets of images, and the stream of training batches.

Everything about a training example follows from (seed, position), where the
position counts examples over all workers and epochs: which image, which crop
and flip, which noise. So a run resumes at the position it had, and n workers
read together what one worker would read, each decoding its own share alone.
"""

from training import preflight
from training.datasets import arrays, builtin, folder, prepared
from training.datasets.batches import (
  configured_batches,
  next_batch,
  training_batches,
)
from training.datasets.dataset import Dataset

__all__ = [
  'Dataset',
  'configured_batches',
  'load',
  'next_batch',
  'training_batches',
]

_READERS = {
  'photos': builtin.photos,
  'digits': builtin.digits,
  'folder': folder.folder,
  'arrays': arrays.arrays,
  'tfds': prepared.prepared,
  'made_up': builtin.made_up,
}


def load(config) -> Dataset:
  """The data set that a `config.data` names.

  Training images come into memory as they are read, up to `config.cache_mb`
  (see `cache.Reader`); test images when `Dataset.test_images` is first asked
  for, N * H * W * C bytes. Neither are read here.

  Args:
    config: the `data` part of a configuration.

  Returns:
    `Dataset`.

  Raises:
    UserError: if it is not there, or holds no image.
  """
  preflight.check_data(config)
  return _READERS[config.name](config)
