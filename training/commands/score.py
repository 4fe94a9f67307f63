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

_TYPICAL_IMAGES = 1000  # test images whose mean bits/dim is the typical value


@click_command(
  'score',
  'runs/cinc_photos my_images --resize --output scores.csv',
  short_help='Write the bits/dim or another score of files as CSV.',
)
@flow_argument
@click.argument('folder')
@click.option(
  '--method',
  type=click.Choice(['bits_per_dim', 'typicality', 'complexity']),
  default='bits_per_dim',
  show_default=True,
  help='bits_per_dim; typicality: its distance from --typical; complexity: '
  'bits_per_dim minus those of the image as a lossless WebP file.',
)
@click.option(
  '--typical',
  type=float,
  metavar='BITS',
  help='Mean bits/dim of the data, for --method typicality. [default: that of '
  'the test images of the run]',
)
@click.option(
  '--output', metavar='FILE', help='CSV file to write. [default: print]'
)
@noise_options(1)
@condition_option
@image_options
def command(
  path,
  folder,
  method,
  typical,
  output,
  noise_draws,
  seed,
  condition,
  resize,
  convert,
):
  """Write the scores of the images of a folder as CSV, highest first.

  PATH is a trained flow: the folder of a run or of a SavedModel, a file of
  weights, or a name such as cinc_digits. All images get the same noise.
  Files that cannot be read come last, with the reason. A high score means that
  an image is unlike the training data. No score is reliable: docs/using.md says
  what each of them misses.
  """
  if typical is not None and method != 'typicality':
    raise UserError('--typical is for --method typicality.')
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
  if method == 'typicality' and typical is None:
    typical = _typical_bits(flow)
  scored, unread = [], []
  for read, images in _batches(flow, folder, names, resize, convert, unread):
    given = condition_of(flow, None, images, condition)
    bits = flow.bits_per_dim(
      images, noise_draws, seed, same_noise=True, condition=given
    )
    scores = _scores(method, images, bits, typical, flow.num_bits)
    scored += zip(read, scores, bits, strict=True)
  if not scored:
    raise UserError(
      f'none of the {len(names)} files of {folder} can be scored: '
      f'{unread[0][1]}'
    )
  _write_table(method, scored, unread, output)
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


def _typical_bits(flow):
  """Returns the mean bits/dim of the test images of a flow's data set."""
  images = flow.test_images
  if images is None:
    raise UserError(
      f'the images that {flow.path} was trained on are not available; give '
      'their mean bits/dim by --typical.'
    )
  return float(flow.bits_per_dim(images[:_TYPICAL_IMAGES]).mean())


def _scores(method, images, bits, typical, num_bits):
  """Returns the score of each image, higher if it is less like the data."""
  if method == 'typicality':
    from tfp_cinc.latents import typicality_score

    return typicality_score(bits[:, np.newaxis], typical)
  if method == 'complexity':
    from ..data.compression import webp_bits_per_dim

    return bits - webp_bits_per_dim(images, num_bits)
  return bits


def _write_table(method, scored, unread, output):
  text = io.StringIO()
  table = csv.writer(text, lineterminator='\n')
  columns = [] if method == 'bits_per_dim' else [method]
  table.writerow([*columns, 'bits_per_dim', 'file', 'error'])
  for name, score, bits in sorted(scored, key=lambda row: (-row[1], row[0])):
    own = [f'{score:.4f}'] if columns else []
    table.writerow([*own, f'{bits:.4f}', printable(name), ''])
  for name, reason in unread:
    table.writerow(
      [*['' for _ in columns], '', printable(name), printable(reason)]
    )
  if output is None:
    sys.stdout.write(text.getvalue())
    return
  try:
    replace_file(output, text.getvalue().encode())
  except OSError as error:
    raise UserError(
      f'{output} cannot be written: {error.strerror or error}.'
    ) from None
