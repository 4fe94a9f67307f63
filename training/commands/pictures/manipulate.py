"""tfp-cinc manipulate."""

import click
import numpy as np

from ...errors import UserError
from ..condition import condition_option, given_label, parse_label
from ..options import (
  click_command,
  flow_argument,
  image_options,
  listing,
  output_file,
)
from ..options import strengths as strengths_type

__all__ = ['command']


@click_command(
  'manipulate',
  'runs/cinc_digits test:0 --attribute 3 --strengths -2:2:7',
  short_help='Change attributes of images.',
)
@flow_argument
@click.argument('images', nargs=-1, required=True, metavar='IMAGE...')
@click.option(
  '--attribute',
  type=listing(click.STRING),
  metavar='NAME,...',
  help='Attribute to change along its direction, or several, such as '
  'Smiling,Young, a row for each.',
)
@click.option(
  '--to',
  metavar='NAME',
  multiple=True,
  help='Instead of --attribute: label under which to decode the latents of a '
  'conditional flow, as in --condition. Can be repeated, for one more image in '
  'each row.',
)
@click.option(
  '--strengths',
  type=strengths_type,
  default='-2:2:7',
  show_default=True,
  metavar='FIRST:LAST:N',
  help='Strengths, or a list such as -1,0,1. 1 is the distance from the mean '
  'latents without the attribute to those with it.',
)
@click.option(
  '--level',
  type=click.IntRange(0),
  help='Change only the latents of this level; 0 is the finest.',
)
@click.option(
  '--directions',
  metavar='FILE',
  help='.npz file that `attributes` wrote. [default: the directions of the run '
  'or of the SavedModel]',
)
@condition_option
@image_options
@output_file
def command(
  path,
  images,
  attribute,
  to,
  condition,
  strengths,
  level,
  directions,
  resize,
  convert,
  output,
  files,
  scale,
):
  """Draw images with more and less of an attribute, or with other labels.

  PATH is a trained flow: the folder of a run or of a SavedModel, a file of
  weights, or a name such as cinc_digits. IMAGE is a file, or test:N for
  test image N. Each row begins with the image itself.
  """
  if bool(attribute) == bool(to):
    raise UserError(
      'name either an attribute to change by --attribute, or other labels by '
      '--to.'
    )
  from ...run_folder.directions import read_directions
  from ...trained import open_flow
  from .images import condition_of, read_images
  from .target import Target

  target = Target(output, files, scale)
  flow = open_flow(path)
  if directions:
    flow.directions = read_directions(
      directions, flow.image_shape, flow.weights
    )
  given, names = read_images(flow, images, resize, convert)
  own = condition_of(flow, images, given, condition)
  if to:
    _relabel(flow, given, names, own, to, target)
    return
  number = len(attribute) * len(given)
  target.check_size(flow.image_shape, number, 1 + len(strengths))
  texts = [f'{value:+.3g}' if value else '0' for value in strengths]
  rows, single = [], {}
  for wanted in attribute:
    moved = flow.manipulate(given, wanted, strengths, level, own)
    for image, row, name in zip(given, moved, names, strict=True):
      label = wanted if len(given) == 1 else f'{wanted}, {name}'
      rows.append((label, np.concatenate([image[np.newaxis], row])))
      for text, changed in zip(texts, row, strict=True):
        single[f'{name}_{wanted}_{text}.png'] = changed
  where = '' if level is None else f', level {level}'
  target.write(
    flow,
    '_'.join(['manipulate', *attribute, *names[:3]]),
    rows,
    single,
    f'Strengths along the directions of {", ".join(attribute)}{where}',
    ['image', *texts],
    remedy='use lower strengths or train longer',
  )


def _relabel(flow, images, names, condition, to, target):
  """Writes images that were encoded under one label and decoded under others.

  The latents keep what the label does not say, such as the style of a digit.
  """
  labels = [parse_label(flow, text, '--to') for text in to]
  target.check_size(flow.image_shape, len(images), 1 + len(to))
  latents = flow.encode(images, condition)
  changed = [
    flow.decode(latents, given_label(flow, label, len(images)))
    for label in labels
  ]
  single = {
    f'{name}_{text}.png': image
    for text, decoded in zip(to, changed, strict=True)
    for name, image in zip(names, decoded, strict=True)
  }
  target.write(
    flow,
    '_'.join(['manipulate_to', *to[:3], *names[:3]]),
    [*zip(names, np.stack([images, *changed], axis=1), strict=True)],
    single,
    'Encoded under their own label, decoded under others',
    ['image', *to],
  )
