"""tfp-cinc interpolate."""

import click
import numpy as np

from ...errors import UserError
from ..condition import condition_option
from ..options import click_command, flow_argument, image_options, output_file

__all__ = ['command']


@click_command('interpolate', 'runs/cinc_photos test:12 test:40 --steps 9')
@flow_argument
@click.argument('first')
@click.argument('second')
@click.option(
  '--steps',
  type=click.IntRange(2, 1000),
  default=9,
  show_default=True,
  help='Number of images, including both ends.',
)
@click.option(
  '--method',
  type=click.Choice(['linear', 'spherical']),
  default='linear',
  show_default=True,
  help='Path between the two latents.',
)
@condition_option
@image_options
@output_file
def command(
  path,
  first,
  second,
  steps,
  method,
  condition,
  resize,
  convert,
  output,
  files,
  scale,
):
  """Draw the images between two images.

  PATH is a trained flow: the folder of a run or of a SavedModel, a file of
  weights, or a name such as cinc_digits. FIRST and SECOND are files, or
  test:N for test image N.
  """
  from ...trained import open_flow
  from .images import condition_of, read_images
  from .target import Target

  target = Target(output, files, scale)
  flow = open_flow(path)
  pixels, names = read_images(flow, [first, second], resize, convert)
  given = condition_of(flow, [first, second], pixels, condition)
  for value in (given or {}).values():
    if np.any(value[0] != value[1]):
      raise UserError(
        f'{first} and {second} have different conditions, but all images of an '
        'interpolation need the same one; if they have labels, name one by '
        '--condition.'
      )
  given = given and {name: value[:1] for name, value in given.items()}
  target.check_size(flow.image_shape, 1, steps)
  a, b = pixels[:1], pixels[1:]
  images = flow.interpolate(a, b, steps, method, given)[0]
  target.write(
    flow,
    f'interpolate_{names[0]}_{names[1]}',
    [('', images)],
    {f'{i:03}.png': image for i, image in enumerate(images)},
    f'From {names[0]} to {names[1]}, {method}',
  )
