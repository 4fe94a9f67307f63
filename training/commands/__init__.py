"""The command line `tfp-cinc`, one file for each command.

The files import TensorFlow only when a command runs, so that help and wrong
calls are answered at once.
"""

import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence

try:
  import click
except ModuleNotFoundError:
  raise SystemExit(
    'error: the package click is missing; install those for training by `pip '
    "install '.[train]'` in the checkout."
  ) from None

from ..errors import UserError, did_you_mean
from ..interrupt import one_line_at_interrupt
from ..quiet import import_tensorflow_quietly
from ..run_folder.versions import package_versions

__all__ = ['COMMANDS', 'get_command', 'main']

# Packages whose versions are printed, too.
_OTHERS = ('python', 'tensorflow', 'horovod')

# Errors about files for which the program has no sentence of its own.
_OF_THE_SYSTEM = (
  *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT),
  *(errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EIO),
)

# The module of each command, in the order of the help.
COMMANDS = {
  'train': '.train',
  'configs': '.configs',
  'prepare': '.prepare',
  'status': '.status',
  'inspect': '.inspect',
  'evaluate': '.evaluate',
  'sample': '.pictures.sample',
  'reconstruct': '.pictures.reconstruct',
  'upscale': '.pictures.upscale',
  'inpaint': '.pictures.inpaint',
  'interpolate': '.pictures.interpolate',
  'attributes': '.attributes',
  'manipulate': '.pictures.manipulate',
  'score': '.score',
  'export': '.export',
  'demo': '.demo',
  'build-horovod': '.build_horovod',
}


def get_command(name: str) -> click.Command:
  """Imports the command of a name in `COMMANDS`."""
  return importlib.import_module(COMMANDS[name], __package__).command


class _Commands(click.Group):
  """The commands, imported by name."""

  def list_commands(self, ctx):
    return list(COMMANDS)

  def get_command(self, ctx, name):
    return get_command(name) if name in COMMANDS else None

  def resolve_command(self, ctx, args):
    if args[0] not in COMMANDS:
      raise UserError(
        f'there is no command {args[0]!r}{did_you_mean(args[0], COMMANDS)}; '
        f'`{ctx.command_path} --help` lists the commands.'
      )
    return super().resolve_command(ctx, args)


def _print_version(ctx, parameter, is_asked):
  if is_asked:
    found = package_versions(('tfp_cinc', *_OTHERS[1:]))
    rest = ', '.join(f'{x} {found[x] or "not installed"}' for x in _OTHERS)
    print(f'tfp-cinc {found["tfp_cinc"] or "not installed"} ({rest})')
    ctx.exit()


@click.group(
  cls=_Commands,
  no_args_is_help=False,
  invoke_without_command=True,
  context_settings={'help_option_names': ['-h', '--help']},
)
@click.option(
  '--version',
  is_flag=True,
  is_eager=True,
  expose_value=False,
  callback=_print_version,
  help='Print the versions of this project and of its main packages.',
)
@click.pass_context
def _group(ctx):
  """Train image flows, look after runs, and use trained flows."""
  if ctx.invoked_subcommand is None:
    print(ctx.get_help())


def main(argv: Sequence[str] | None = None) -> None:
  """Runs a command.

  An error caused by the user is printed as one sentence, with exit code 2.
  Ctrl-C ends the command with one line and exit code 130.

  Args:
    argv: The arguments of the command line; None for those of this process.
  """
  import_tensorflow_quietly()
  if isinstance(sys.stdout, io.TextIOWrapper):
    # As stderr: names of files need not be valid text.
    sys.stdout.reconfigure(errors='backslashreplace')
  in_checkout = sys.argv[0].endswith('__main__.py')
  name = 'python -m training' if in_checkout else 'tfp-cinc'
  with one_line_at_interrupt():
    _run(argv, name)


def _run(argv, name):
  try:
    _group.main(argv, prog_name=name, standalone_mode=False)
  except UserError as error:
    _fail(str(error))
  except click.Abort:  # what click makes of Ctrl-C
    raise KeyboardInterrupt from None
  except ModuleNotFoundError as error:
    if error.name is None or error.name.startswith(__package__.split('.')[0]):
      raise
    _fail(
      f'the package {error.name} is missing; install those for training by '
      "`pip install '.[train]'` in the checkout."
    )
  except click.UsageError as error:
    _fail(_sentence(error, name))
  except OSError as error:
    if error.filename is None or error.errno not in _OF_THE_SYSTEM:
      raise
    _fail(f'{error.filename} cannot be used: {error.strerror}.')
  except Exception as error:
    # TensorFlow is not imported here for the name of its error.
    names = [kind.__name__ for kind in type(error).__mro__]
    if not {'MemoryError', 'ResourceExhaustedError'} & set(names):
      raise
    reason = str(error).partition('\n')[0]
    _fail(
      f'there is not enough memory or disk space ({reason[:200]}); use smaller '
      'batches, a smaller flow or smaller images.'
    )


def _sentence(error, name):
  """Returns the message of click as one sentence that names the help."""
  path = error.ctx.command_path if error.ctx else name
  if isinstance(error, click.NoSuchOption):
    known = [x for p in error.ctx.command.params for x in p.opts]
    message = (
      f'there is no option {error.option_name}'
      f'{did_you_mean(error.option_name, known)}'
    )
  else:
    message = ' '.join(error.format_message().split()).rstrip('.')
    message = message[:1].lower() + message[1:]
  return f'{message}; see `{path} --help`.'


def _fail(sentence):
  """Ends the process; of the workers of a machine only the first one prints."""
  is_elastic = os.environ.get('HOROVOD_ELASTIC') == '1'
  if is_elastic or os.environ.get('HOROVOD_LOCAL_RANK', '0') == '0':
    print(f'error: {sentence}', file=sys.stderr)
  sys.exit(2)
