"""Arguments and options that several commands share."""

import pathlib
import re

import click

from ..errors import UserError
from ..run_folder.config_file import check_flow

__all__ = [
  'check_output',
  'click_command',
  'data_options',
  'flow_argument',
  'image_options',
  'listing',
  'noise_options',
  'optional_flow_argument',
  'output_file',
  'run_argument',
  'seed_option',
  'strengths',
]


def click_command(name: str, example: str, **settings):
  """Returns a decorator that makes a click command with an example.

  Args:
    name: Name of the command.
    example: Arguments of an example call, without the name.
    **settings: Arguments of `click.command`.
  """
  return click.command(
    name, epilog=f'\b\nExample:\n  tfp-cinc {name} {example}', **settings
  )


def check_output(path, is_folder: bool = False) -> None:
  """Raises `UserError` if the folder of an --output is far from existing.

  A command makes at most one folder.

  Args:
    path: The path after --output, or None.
    is_folder: Whether it is to be a folder, not a file.

  Raises:
    UserError: If two folders would have to be made.
  """
  if path is None:
    return
  folder = pathlib.Path(path) if is_folder else pathlib.Path(path).parent
  if not folder.exists() and not folder.parent.exists():
    raise UserError(
      f'--output {path}: the folder {folder.parent} does not exist; make it '
      'first, or name another path.'
    )


def _check_flow(ctx, parameter, path):
  if path is not None:
    check_flow(path)
  return path


def flow_argument(function):
  """Adds the argument PATH, the folder of a run or of a SavedModel."""
  return click.argument('path', callback=_check_flow)(function)


def optional_flow_argument(function):
  """Adds the argument PATH as in `flow_argument`; None if it is left out."""
  return click.argument('path', required=False, callback=_check_flow)(function)


def run_argument(function):
  """Adds the argument RUN, the folder of a run."""
  return click.argument('run')(function)


def _options(*options):
  """Returns a decorator that adds options in the given order."""

  def add(function):
    for option in reversed(options):
      function = option(function)
    return function

  return add


image_options = _options(
  click.option(
    '--resize', is_flag=True, help='Crop and resize images of another size.'
  ),
  click.option(
    '--convert',
    is_flag=True,
    help='Convert gray to color or color to gray, and drop an opaque alpha '
    'channel and the lower bits of 16.',
  ),
)

output_file = _options(
  click.option(
    '--output',
    metavar='FILE',
    help='PNG file to write, or folder with --files. [default: named after '
    'the command, in the folder of the run or, for other flows, here]',
  ),
  click.option('--files', is_flag=True, help='Write one file for each image.'),
  click.option(
    '--scale',
    type=click.IntRange(1, 1000),
    metavar='N',
    help='Draw each pixel as N x N pixels.',
  ),
)


def seed_option(of: str):
  """Returns a decorator that adds --seed."""
  return click.option(
    '--seed',
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help=f'Seed of the {of}.',
  )


def noise_options(draws: int):
  """Returns a decorator that adds --noise-draws and --seed."""
  return _options(
    click.option(
      '--noise-draws',
      type=click.IntRange(1, 100_000),
      default=draws,
      show_default=True,
      help='Draws of dequantization noise for each image.',
    ),
    seed_option('noise'),
  )


def data_options(split: str):
  """Returns a decorator that adds --split, --data and --limit."""
  return _options(
    click.option(
      '--split',
      help="'train', 'test', 'validation' if it exists, or 'all'. [default: "
      f'{split}; all with --data]',
    ),
    click.option(
      '--data',
      metavar='PATH',
      help='Folder of images, or .npy or .npz file, instead of the data of the '
      'run. Files are resized, and made gray for a gray flow, as training '
      'images are.',
    ),
    click.option(
      '--limit',
      type=click.IntRange(1, 10**9),
      help='Use only the first images.',
    ),
  )


class _Listing(click.ParamType):
  """Values separated by commas."""

  name = 'list'

  def __init__(self, item: click.ParamType):
    self._item = item

  def convert(self, value, param, ctx):
    if not isinstance(value, str):
      return value
    return [
      self._item.convert(part.strip(), param, ctx) for part in value.split(',')
    ]


def listing(item: click.ParamType) -> click.ParamType:
  """Returns the type of values that are separated by commas."""
  return _Listing(item)


class _Strengths(click.ParamType):
  """Numbers separated by commas, or FIRST:LAST:NUMBER."""

  name = 'strengths'

  def convert(self, value, param, ctx):
    if not isinstance(value, str):
      return value
    try:
      numbers = _parse_strengths(value)
    except (ValueError, IndexError):
      numbers = [float('nan')]
    if not all(abs(number) < float('inf') for number in numbers):
      self.fail(
        f'{value!r} is neither a list of numbers such as -1,0,1 nor '
        'FIRST:LAST:NUMBER such as -2:2:7',
        param,
        ctx,
      )
    # Rounding errors next to 0 would be printed.
    return [0.0 if abs(number) < 1e-9 else number for number in numbers]


def _parse_strengths(text):
  if not re.search(':', text):
    return [float(part) for part in text.split(',')]
  first, last, number = text.split(':')
  first, last, number = float(first), float(last), int(number)
  if not 2 <= number <= 1000:
    raise ValueError(text)
  step = (last - first) / (number - 1)
  return [first + i * step for i in range(number)]


strengths = _Strengths()
