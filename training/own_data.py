"""The data set that a command works on."""

import os
import pathlib

from training import datasets
from training.configs.base import get_base_config
from training.errors import UserError

__all__ = ['own_data']


def own_data(
  flow, path: str | None, split: str | None, default: str
) -> tuple[datasets.Dataset, str]:
  """The data that a flow was trained on, or a user's own, and which of them.

  Args:
    flow: `TrainedFlow`.
    path: a folder of images, an .npy or .npz file or a folder of .npy files;
      None for what the flow was trained on.
    split: its name, or None for `default` of what the flow was trained on and
      for all of a user's own.
    default: name of a split.

  Returns:
    (`Dataset` of images of the flow's shape, name of the split).

  Raises:
    UserError: if there is none, or its images have another shape.
  """
  if path is None:
    if flow.dataset is None:
      raise UserError(
        f'{flow.path} does not tell what data it was trained on: name a folder '
        'of images by --data.'
      )
    return flow.dataset, split or default
  if not os.path.exists(path):
    raise UserError(
      f'--data {path} does not exist; name a folder of images, or an .npy or '
      '.npz file.'
    )
  config = get_base_config().data
  folder = pathlib.Path(path)
  arrays = not folder.is_dir() or any(folder.glob('*.npy'))
  config.name = 'arrays' if arrays else 'folder'
  config.dir, config.image_size = str(path), flow.image_shape[0]
  # Where there are no splits two images are enough, for all are taken.
  config.num_bits, config.test_fraction = flow.num_bits, 0.5
  if flow.image_shape[-1] == 1:
    config.channels = 1
  dataset = datasets.load(config)
  if tuple(dataset.image_shape) != flow.image_shape:
    raise UserError(
      f'the images of {path} have the shape {list(dataset.image_shape)}; this '
      f'flow takes {list(flow.image_shape)}.'
    )
  return dataset, split or 'all'
