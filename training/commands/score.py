"""tfp-cinc score."""

import csv
import io
import os
import pathlib
import sys

import click
import numpy as np

from ..data.files import files_below, printable
from ..errors import UserError
from ..progress import tracked
from ..run_folder.files import replace_file
from .condition import condition_option
from .options import (
  check_output,
  click_command,
  flow_argument,
  image_options,
  noise_options,
)

__all__ = ['command']


@click_command(
  'score',
  'runs/cinc_photos my_images --resize --output scores.csv',
  short_help='Write the bits/dim of files as CSV.',
)
@flow_argument
@click.argument('folder')
@click.option(
  '--output', metavar='FILE', help='CSV file to write. [default: print]'
)
@noise_options(1)
@condition_option
@image_options
def command(
  path, folder, output, noise_draws, seed, condition, resize, convert
):
  """Write the bits/dim of the images of a folder as CSV, highest first.

  PATH is the folder of a run or of a SavedModel. All images get the same noise.
  Files that cannot be read come last, with the reason.
  """
  if not os.path.isdir(folder):
    raise UserError(f'{folder} is not a folder; name a folder of images.')
  if output and pathlib.Path(output).is_dir():
    raise UserError(f'--output {output} is a folder; name a CSV file.')
  check_output(output)
  names = files_below(folder)
  if not names:
    raise UserError(f'{folder} holds no file.')
  from ..trained import open_flow
  from .pictures.images import condition_of

  flow = open_flow(path)
  scored, unread = [], []
  for read, images in _batches(flow, folder, names, resize, convert, unread):
    given = condition_of(flow, None, images, condition)
    bits = flow.bits_per_dim(
      images, noise_draws, seed, same_noise=True, condition=given
    )
    scored += zip(read, bits, strict=True)
  if not scored:
    raise UserError(
      f'none of the {len(names)} files of {folder} can be scored: '
      f'{unread[0][1]}'
    )
  _write_table(scored, unread, output)
  words = f'{len(scored)} of {len(names)} files scored'
  print(words if not output else f'Wrote {output}: {words}', file=sys.stderr)


def _batches(flow, folder, names, resize, convert, unread):
  """Yields (names, images) of the readable files; notes the others."""
  from ..data.image_file import read_image

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
