"""tfp-cinc sample."""

import re

import click
import numpy as np

from ...errors import UserError
from ...progress import tracked
from ..condition import conditions_option, given_label, parse_labels
from ..options import (
  click_command,
  flow_argument,
  listing,
  output_file,
  seed_option,
)

__all__ = ['command']


# '0,7' for 0.7, and not the temperatures 0 and 1.
_WIDTH = 16  # images per row, if there are several conditions
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
@conditions_option
@click.option(
  '--guidance',
  type=click.FloatRange(0, 1e6),
  default=0.0,
  show_default=True,
  help='Guidance of a flow trained with label dropout; 1 to 3 are usual.',
)
@click.option(
  '--denoise/--no-denoise',
  default=None,
  help='Remove the Gaussian noise that a flow was trained with. [default: do '
  'it if there is such noise]',
)
@seed_option('latents')
@output_file
def command(
  path,
  number,
  temperature,
  condition,
  guidance,
  denoise,
  seed,
  output,
  files,
  scale,
):
  """Draw images from a flow.

  PATH is a trained flow: the folder of a run or of a SavedModel, a file of
  weights, or a name such as cinc_digits.
  """
  from ...trained import open_flow
  from .target import Target

  target = Target(output, files, scale)
  flow = open_flow(path)
  given = _conditions(flow, condition, number)
  width = int(np.ceil(np.sqrt(number)))
  if len(given) > 1:
    width = min(number, _WIDTH)
  target.check_size(
    flow.image_shape,
    len(given) * len(temperature) * -(-number // width),
    width,
  )
  texts = [f'{value:g}' for value in temperature]
  rows, single = [], {}
  for name, label in given.items():
    for value, text in zip(temperature, texts, strict=True):
      images = _sample(flow, number, value, seed, label, guidance, denoise)
      words = f'{name}, T = {text}' if name else f'T = {text}'
      for start in range(0, number, width):
        rows.append((words, images[start : start + width]))
        words = ''
      for i, image in enumerate(images):
        single[f'{f"{name}_" if name else ""}T{text}_{i:04}.png'] = image
  names = [name for name in given if name][:3]
  title = f'Seed {seed}'
  if guidance:
    names.append(f'guidance_{guidance:g}')
    title += f', guidance {guidance:g}'
  if flow.noise_scale:
    kept = denoise is False
    names += ['noisy'] * kept
    title += ', with noise' if kept else ', denoised'
  target.write(
    flow,
    '_'.join(['samples', *names, *texts, str(seed)]),
    rows,
    single,
    title,
    remedy='use a lower temperature or train longer',
  )


def _conditions(flow, texts, number):
  """Returns the condition of the images of each name."""
  if not texts:
    _check_unconditional(flow)
    return {'': None}
  labels = parse_labels(flow, texts)
  return {
    text: given_label(flow, label, number)
    for text, label in zip(texts, labels, strict=True)
  }


def _check_unconditional(flow):
  """Raises `UserError` that says which condition is missing."""
  if flow.condition is None:
    return
  kind = flow.condition.input.kind
  remedy = {
    'low_resolution': 'enlarge an image by `tfp-cinc upscale`',
    'mask': 'fill the hole of an image by `tfp-cinc inpaint`',
  }.get(kind, 'name a label by --condition')
  raise UserError(f'{flow.path} is a conditional flow; {remedy}.')


def _sample(flow, number, temperature, seed, condition, guidance, denoise):
  size = flow.batch_size

  def draw(start):
    here = slice(start, min(start + size, number))
    some = condition and {name: x[here] for name, x in condition.items()}
    count = here.stop - start
    return flow.sample(count, temperature, seed, start, some, guidance, denoise)

  parts = [
    draw(start)
    for start in tracked(
      range(0, number, size),
      number,
      'drew {} images',
      lambda start: min(size, number - start),
    )
  ]
  return np.concatenate(parts)
