"""tfp-cinc evaluate."""

import numpy as np

from ..errors import UserError
from ..progress import tracked
from .options import click_command, data_options, flow_argument, noise_options

__all__ = ['command']


@click_command(
  'evaluate',
  'runs/cinc_photos --noise-draws 32',
  short_help='Print the bits/dim of images.',
)
@flow_argument
@data_options('test')
@noise_options(8)
def command(path, split, data, limit, noise_draws, seed):
  """Print the bits/dim of images, with its standard error and by level.

  PATH is the folder of a run or of a SavedModel. Lower is better. The bits/dim
  of the levels add up to the total.
  """
  from ..data.splits import find_split
  from ..trained import open_flow
  from ..trained.own_data import own_data

  flow = open_flow(path)
  dataset, split = own_data(flow, data, split, 'test')
  chosen = find_split(dataset, split, limit)
  if not chosen.number:
    raise UserError(f'{dataset.name} has no images in its split {split!r}.')
  parts, first = [], 0
  for images, _ in tracked(
    chosen.batches(flow.batch_size),
    chosen.number,
    'evaluated {} images',
    lambda batch: len(batch[0]),
  ):
    parts.append(flow.bits_per_dim_by_level(images, noise_draws, seed, first))
    first += len(images)
  levels = np.concatenate(parts)
  bits = levels.sum(axis=1)
  learned = flow.noise == 'variational'
  noise = 'draws of variational noise' if learned else 'noise draws'
  print(
    f'{split.capitalize()} bits/dim {np.mean(bits):.4f} +- '
    f'{_standard_error(bits):.4f} (standard error over {len(bits)} images of '
    f'{dataset.name}, {noise_draws} {noise} each)'
  )
  sizes = np.bincount(flow.latent_levels)
  if len(sizes) > 1:
    print('By level; the levels add up to that:')
    for level, size in enumerate(sizes):
      values = levels[:, level]
      print(
        f'  level {level}: {np.mean(values):7.4f} +- '
        f'{_standard_error(values):.4f}, {size} latents'
      )


def _standard_error(values):
  return np.std(values) / np.sqrt(len(values))
