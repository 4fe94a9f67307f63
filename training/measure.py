"""The commands that measure images by a trained flow."""

import csv
import io
import os
import pathlib
import sys

import numpy as np

from training.datasets.sources import printable
from training.errors import UserError
from training.images import read_image
from training.own_data import own_data
from training.splits import find_split
from training.tracked import tracked
from training.trained_flow import open_flow
from training.workdir import replace_file

__all__ = ['evaluate', 'score']


def evaluate(path: str, *, split, data, limit, noise_draws, seed) -> None:
  """Prints the bits/dim of a split with its standard error, and by level.

  Args:
    path: of the flow.
    split: its name, see `find_split`; None for the test images, or all `data`.
    data: a folder or file of images; None for what the flow was trained on.
    limit: the first so many images; None for all.
    noise_draws: draws of dequantization noise for each image.
    seed: of the noise.
  """
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
  print(
    f'{split.capitalize()} bits/dim {np.mean(bits):.4f} +- '
    f'{_error(bits):.4f} (standard error over {len(bits)} images of '
    f'{dataset.name}, {noise_draws} {_noise(flow)} each)'
  )
  sizes = np.bincount(flow.latent_levels)
  if len(sizes) > 1:
    for level, size in enumerate(sizes):
      values = levels[:, level]
      print(
        f'  level {level}: {np.mean(values):7.4f} +- {_error(values):.4f}, of '
        f'{size} latents'
      )


def score(
  path: str, folder: str, *, noise_draws, seed, resize, convert, output
) -> None:
  """Writes the bits/dim of all files of a folder as CSV, the highest first.

  Args:
    path: of the flow.
    folder: with images, also in sub-folders.
    noise_draws: draws of dequantization noise, the same for all images.
    seed: of the noise.
    resize: see `read_image`.
    convert: see `read_image`.
    output: the CSV file; None for standard output.
  """
  if not os.path.isdir(folder):
    raise UserError(f'{folder} is no folder; name a folder of images.')
  if output and pathlib.Path(output).is_dir():
    raise UserError(f'--output {output} is a folder; name a CSV file.')
  names = _files(folder)
  if not names:
    raise UserError(f'{folder} holds no file.')
  flow = open_flow(path)
  scored, unread = [], []

  def batches():
    images, read = [], []
    for name in tracked(names, len(names), 'read {} files'):
      try:
        file = os.path.join(folder, name)
        image = read_image(file, flow.image_shape, resize, convert, name)
      except UserError as error:
        unread.append((name, str(error)))
        continue
      images.append(image)
      read.append(name)
      if len(images) == flow.batch_size:
        yield read, np.stack(images)
        images, read = [], []
    if images:
      yield read, np.stack(images)

  for read, images in batches():
    bits = flow.bits_per_dim(images, noise_draws, seed, same_noise=True)
    scored += zip(read, bits, strict=True)
  if not scored:
    raise UserError(
      f'none of the {len(names)} files of {folder} can be scored: '
      f'{unread[0][1]}'
    )
  _write_table(scored, unread, output)
  words = f'{len(scored)} of {len(names)} files scored'
  print(words if not output else f'Wrote {output}: {words}', file=sys.stderr)


def _write_table(scored, unread, output):
  text = io.StringIO()
  table = csv.writer(text, lineterminator='\n')
  table.writerow(['bits_per_dim', 'file', 'error'])
  for name, bits in sorted(scored, key=lambda row: (-row[1], row[0])):
    table.writerow([f'{bits:.4f}', printable(name), ''])
  for name, reason in unread:
    table.writerow(['', printable(name), printable(reason)])
  if output is None:
    sys.stdout.write(text.getvalue())
    return
  try:
    replace_file(output, text.getvalue().encode())
  except OSError as error:
    raise UserError(
      f'{output} cannot be written: {error.strerror or error}.'
    ) from None


def _files(folder):
  """Paths below a folder, sorted, without hidden ones."""
  found = []
  for place, folders, names in os.walk(folder, followlinks=True):
    folders[:] = [name for name in folders if not name.startswith('.')]
    found += [
      os.path.relpath(os.path.join(place, name), folder)
      for name in names
      if not name.startswith('.')
    ]
  return sorted(found)


def _noise(flow):
  """What is drawn for each image."""
  learned = flow.noise == 'variational'
  return 'draws of variational noise' if learned else 'noise draws'


def _error(values):
  """The standard error of the mean."""
  return np.std(values) / np.sqrt(len(values))
