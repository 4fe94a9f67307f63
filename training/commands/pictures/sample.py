"""tfp-cinc sample."""

import re

import click
import numpy as np

from ...progress import tracked
from ..options import (
  click_command,
  flow_argument,
  listing,
  output_file,
  seed_option,
)

__all__ = ['command']


# '0,7' for 0.7, and not the temperatures 0 and 1.
_DECIMAL_COMMA = re.compile(r'\d,(0\d+|[2-9]|[1-9]\d+)')


class _Temperature(click.FloatRange):
  """A number from 0, but not NaN, which the range alone lets pass."""

  def __init__(self):
    super().__init__(0, 1e6, max_open=True)

  def convert(self, value, param, ctx):
    number = super().convert(value, param, ctx)
    if np.isnan(number):
      self.fail(f'{value!r} is not a number', param, ctx)
    return number


def _not_a_decimal_comma(ctx, parameter, text):
  """Refuses what may be one number; otherwise returns the text."""
  if _DECIMAL_COMMA.fullmatch(text.strip()):
    point, (first, second) = text.replace(',', '.'), text.split(',')
    raise click.BadParameter(
      f'{text!r} are two temperatures; write {point} for one, or '
      f'{first}.0,{second} for two'
    )
  return _TEMPERATURES.convert(text, parameter, ctx)


_TEMPERATURES = listing(_Temperature())


@click_command('sample', 'runs/cinc_photos --number 64 --temperature 0.5,0.7,1')
@flow_argument
@click.option(
  '--number',
  type=click.IntRange(1, 1_000_000),
  default=64,
  show_default=True,
  help='Number of images.',
)
@click.option(
  '--temperature',
  callback=_not_a_decimal_comma,
  default='1',
  show_default=True,
  metavar='T,...',
  help='Factor of the latents, or several, for the same latents at each.',
)
@seed_option('latents')
@output_file
def command(path, number, temperature, seed, output, files, scale):
  """Draw images from a flow.

  PATH is the folder of a run or of a SavedModel.
  """
  from ...trained import open_flow
  from .target import Target

  target = Target(output, files, scale)
  flow = open_flow(path)
  width = int(np.ceil(np.sqrt(number)))
  target.check_size(
    flow.image_shape, len(temperature) * -(-number // width), width
  )
  texts = [f'{value:g}' for value in temperature]
  rows, single = [], {}
  for value, text in zip(temperature, texts, strict=True):
    images = _sample(flow, number, value, seed)
    for start in range(0, number, width):
      label = f'T = {text}' if start == 0 else ''
      rows.append((label, images[start : start + width]))
    for i, image in enumerate(images):
      single[f'T{text}_{i:04}.png'] = image
  target.write(
    flow,
    f'samples_{"_".join(texts)}_{seed}',
    rows,
    single,
    f'Seed {seed}',
    remedy='use a lower temperature or train longer',
  )


def _sample(flow, number, temperature, seed):
  size = flow.batch_size
  parts = [
    flow.sample(min(size, number - start), temperature, seed, start)
    for start in tracked(
      range(0, number, size),
      number,
      'drew {} images',
      lambda start: min(size, number - start),
    )
  ]
  return np.concatenate(parts)
