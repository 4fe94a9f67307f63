"""tfp-cinc inpaint."""

import click
import numpy as np

from ...errors import UserError
from ..options import click_command, flow_argument, image_options, output_file
from .given_images import check_kind, draw, sample_options, write

__all__ = ['command']

_HOLE = 128  # smallest value of a mask in the hole, and its color when drawn


@click_command(
  'inpaint',
  'runs/inpainting_photos photo.png test:3 --mask mask.png --number 8',
  short_help='Draw images given their pixels outside a hole.',
)
@flow_argument
@click.argument('images', nargs=-1, required=True, metavar='IMAGE...')
@click.option(
  '--mask',
  required=True,
  metavar='FILE',
  help='Gray image file of the size of the flow, white in the hole and black '
  'where the pixels are known.',
)
@sample_options
@image_options
@output_file
def command(
  path,
  images,
  mask,
  number,
  temperature,
  seed,
  resize,
  convert,
  output,
  files,
  scale,
):
  """Fill a hole in images, with several samples of each.

  PATH is the folder of a run or of a SavedModel whose flow is conditional on
  masked images. IMAGE is a file, or test:N for test image N. The pixels outside
  the hole are those of the image.
  """
  from ...data.image_file import read_image
  from ...trained import open_flow
  from .images import read_images, test_numbers
  from .target import Target

  target = Target(output, files, scale)
  flow = open_flow(path)
  check_kind(flow, 'mask', 'masked images')
  target.check_size(flow.image_shape, len(images), number + 2)
  size = flow.image_shape[:2]
  hole = read_image(mask, [*size, 1], resize, convert) >= _HOLE
  if not np.any(hole):
    raise UserError(
      f'{mask} has no hole: it must be white where the image is to be filled.'
    )
  known, names = read_images(flow, images, resize, convert)
  masks = np.repeat(hole[np.newaxis].astype(np.uint8), len(known), 0)
  samples = draw(
    flow, {'known': known, 'mask': masks}, number, temperature, seed
  )
  write(
    target,
    flow,
    'inpaint',
    names,
    np.where(hole, samples, known[:, np.newaxis]),
    {'given': np.where(hole, np.uint8(_HOLE), known)},
    {} if test_numbers(images) is None else {'image': known},
    f'Samples at temperature {temperature:g} given the pixels outside the hole',
  )
