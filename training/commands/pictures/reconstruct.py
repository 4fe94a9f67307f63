"""tfp-cinc reconstruct."""

import click
import numpy as np

from ..condition import condition_option
from ..options import click_command, flow_argument, image_options, output_file

__all__ = ['command']

_WIDTH = 16  # images per row


@click_command(
  'reconstruct',
  'runs/cinc_photos photo.png --resize',
  short_help='Draw images and their reconstructions.',
)
@flow_argument
@click.argument('images', nargs=-1, metavar='[IMAGE]...')
@click.option(
  '--number',
  type=click.IntRange(1, 1_000_000),
  default=10,
  show_default=True,
  help='Number of test images, if no image is named.',
)
@condition_option
@image_options
@output_file
def command(
  path, images, number, condition, resize, convert, output, files, scale
):
  """Draw images and their reconstructions decode(encode(x)).

  PATH is a trained flow: the folder of a run or of a SavedModel, a file of
  weights, or a name such as cinc_digits. IMAGE is a file, or test:N for
  test image N. Without any, test images are used.
  """
  from ...trained import open_flow
  from .images import condition_of, read_images, test_images
  from .target import Target

  target = Target(output, files, scale)
  flow = open_flow(path)
  if not images:
    last = len(test_images(flow)) - 1
    chosen = np.linspace(0, last, min(number, last + 1)).astype(int)
    images = [f'test:{i}' for i in chosen]
  given, names = read_images(flow, images, resize, convert)
  own = condition_of(flow, images, given, condition)
  rows, columns = 2 * -(-len(given) // _WIDTH), min(_WIDTH, len(given))
  target.check_size(flow.image_shape, rows, columns)
  decoded = flow.decode(flow.encode(given, own), own)
  kept = flow.keep_bits(given)
  error = int(np.max(np.abs(decoded.astype(int) - kept)))
  rows = []
  for start in range(0, len(given), _WIDTH):
    here = slice(start, start + _WIDTH)
    rows += [('x', given[here]), ('decode(encode(x))', decoded[here])]
  same = sum(np.array_equal(a, b) for a, b in zip(kept, decoded, strict=True))
  title = (
    f'{same} of {len(given)} are identical; largest difference {error} of 255'
  )
  if flow.num_bits < 8:
    title += f', in {flow.num_bits} bits'
  target.write(
    flow,
    'reconstruct',
    rows,
    {f'{n}.png': x for n, x in zip(names, decoded, strict=True)},
    title,
  )
  print(title)
