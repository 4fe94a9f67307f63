"""The command line of `python -m training COMMAND`, but for train's config.

No TensorFlow is imported here: a wrong call is answered at once.
"""

import argparse
import dataclasses
import difflib
import re
import textwrap
from collections.abc import Callable, Sequence

from training.errors import UserError

__all__ = ['Command', 'Parser', 'listing', 'nearest', 'numbers', 'strengths']


@dataclasses.dataclass(frozen=True)
class Command:
  """A command and how it is called.

  Attributes:
    help: what it does, a sentence.
    example: of a call, without `python -m training`.
    arguments: names of what stands behind the command without a name; the first
      may be given as --workdir.
    add: adds the options to a parser.
    run: 'module:function', which is called with these, and with the options by
      name.
    more: further words for its help.
    optional: how many of the last of `arguments` may be missing.
    repeated: whether the last of `arguments` may come several times.
  """

  help: str
  example: str
  arguments: tuple[str, ...]
  run: str
  add: Callable[['Parser'], None] = lambda parser: None
  more: str = ''
  optional: int = 0
  repeated: bool = False


class Parser(argparse.ArgumentParser):
  """A parser of one command, whose complaints are a `UserError`."""

  def __init__(self, name: str, command: Command):
    """Takes what `Command` says."""
    self._command, self._names = command, []
    words = [
      f'[{word}]'
      if place >= len(command.arguments) - command.optional
      else word
      for place, word in enumerate(command.arguments)
    ]
    if command.repeated:
      words[-1] += ' ...'
    prog = f'python -m training {name}'
    text = '\n\n'.join(
      textwrap.fill(words, 79)
      for words in (command.help, command.more)
      if words
    )
    super().__init__(
      prog=prog,
      usage=' '.join([prog, *words, '[options]']),
      description=text,
      epilog=f'example:\n  python -m training {command.example}',
      formatter_class=argparse.RawDescriptionHelpFormatter,
      allow_abbrev=False,
    )
    self.add_argument('arguments', nargs='*', help=argparse.SUPPRESS)
    if command.arguments[:1] in (('PATH',), ('WORKDIR',)):
      self.add_argument(
        '--workdir',
        metavar=command.arguments[0],
        help=f'another way to name {command.arguments[0]}',
      )
    command.add(self)

  def add_argument(self, *names, **options):
    """Adds an option and remembers its names."""
    self._names += [name for name in names if name.startswith('--')]
    return super().add_argument(*names, **options)

  def error(self, message):
    """Raises `UserError`."""
    raise UserError(f'{message}; `{self.prog} --help` tells how to call it.')

  def parse(self, argv: Sequence[str]) -> tuple[list[str], dict]:
    """What a command line says.

    Args:
      argv: what stands behind the command.

    Returns:
      The arguments without a name, as many as the command takes, and the
      options by name.

    Raises:
      UserError: with one sentence, naming the nearest option to one that there
        is not.
    """
    argv = list(argv)
    for i in range(len(argv) - 1, 0, -1):
      # '-2:2:7' is a value, which argparse takes for an option.
      if re.match(r'-[\d.]', argv[i]) and argv[i - 1].startswith('--'):
        argv[i - 1 : i + 1] = [f'{argv[i - 1]}={argv[i]}']
    parsed, unknown = self.parse_known_intermixed_args(argv)
    for word in unknown:
      name = word.partition('=')[0]
      if name.startswith('-'):
        self.error(f'there is no option {name}{nearest(name, self._names)}')
    options = vars(parsed)
    found = options.pop('arguments') + unknown
    workdir = options.pop('workdir', None)
    if workdir:
      found = [workdir, *found]
    words = self._command.arguments
    if len(found) < len(words) - self._command.optional:
      word = words[len(found)]
      if word in ('PATH', 'WORKDIR') and not found:
        word = f'--workdir is missing: {_MISSING[word]}'
      else:
        word = f'{word} is missing: {_MISSING.get(word, "name it")}'
      self.error(word)
    if len(found) > len(words) and not self._command.repeated:
      self.error(f'{found[len(words)]!r} is one argument too many')
    return found, options


_MISSING = {
  'PATH': 'name the folder of a run or of a SavedModel',
  'WORKDIR': 'name the folder of the run',
  'IMAGE': 'name an image file, or test:0 for the first test image',
  'FIRST': 'name an image file, or test:0 for the first test image',
  'SECOND': 'name an image file, or test:1 for the second test image',
  'FOLDER': 'name a folder of images',
}


def nearest(name: str, known: Sequence[str]) -> str:
  """' (did you mean NAME?)' of the nearest of some names, or ''."""
  near = difflib.get_close_matches(name, known, n=1)
  return f' (did you mean {near[0]}?)' if near else ''


def numbers(
  least: float, kind: type = int, below: float | None = None
) -> Callable[[str], float]:
  """A type of option: a number of some size.

  Args:
    least: the smallest that is right.
    kind: int or float.
    below: what it must be less than.

  Returns:
    A function of the option's text.
  """

  def parse(text):
    try:
      number = kind(text)
    except ValueError:
      number = None
    word = 'a whole number' if kind is int else 'a number'
    limit = f'of at least {least}' + (f' and below {below}' if below else '')
    if number is None or not (least <= number < (below or float('inf'))):
      raise argparse.ArgumentTypeError(f'{text!r} is not {word} {limit}')
    return number

  return parse


def listing(kind: Callable) -> Callable[[str], list]:
  """A type of option: values between commas."""
  return lambda text: [kind(part.strip()) for part in text.split(',')]


def strengths(text: str) -> list[float]:
  """A type of option: numbers between commas, or FIRST:LAST:HOW_MANY.

  Args:
    text: as '-1,0,1' or '-2:2:7'.

  Returns:
    The numbers.
  """
  parts = text.split(':')
  try:
    if len(parts) == 1:
      values = [float(part) for part in text.split(',')]
    else:
      first, last, count = float(parts[0]), float(parts[1]), int(parts[2])
      if len(parts) != 3 or not 2 <= count <= 1000:
        raise ValueError
      step = (last - first) / (count - 1)
      values = [first + i * step for i in range(count)]
  except (ValueError, IndexError):
    values = [float('nan')]
  if not all(abs(value) < float('inf') for value in values):
    raise argparse.ArgumentTypeError(
      f'{text!r} is neither numbers such as -1,0,1 nor FIRST:LAST:HOW_MANY '
      'such as -2:2:7'
    )
  # -0.0 and what is next to it would be written so.
  return [0.0 if abs(value) < 1e-9 else value for value in values]
