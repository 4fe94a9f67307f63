"""`python -m training COMMAND`: train a flow, look after it, use it."""

import difflib
import importlib
import os
import runpy
import sys

from absl import flags, logging
from ml_collections import config_flags

from training import preflight, smoke, workdir
from training.command_line import Parser, nearest
from training.commands import COMMANDS
from training.errors import UserError

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file(
  'config',
  None,
  'A file of training/configs; its values by --config.flow.depth=8 and so on.',
)
flags.DEFINE_string('workdir', None, 'The folder of the run.')

_CALL = (
  f'call `python -m training COMMAND` with one of {list(COMMANDS)}; for '
  'example `python -m training train --config training/configs/cinc_photos.py '
  '--workdir runs/cinc_photos`.'
)


def main(argv):
  """Runs a command; an error of the user's is one sentence and exit code 2."""
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')  # no word but errors
  logging.set_verbosity(logging.WARNING)
  try:
    _run(argv)
  except UserError as error:
    _fail(error)


def _fail(error):
  """Ends this process; of the workers of a machine the first one says why."""
  is_elastic = os.environ.get('HOROVOD_ELASTIC') == '1'
  if is_elastic or os.environ.get('HOROVOD_LOCAL_RANK', '0') == '0':
    print(f'error: {error}', file=sys.stderr)
  sys.exit(2)


def _run(argv):
  """Runs the command; what it needs is imported once the call is right."""
  name, rest = (argv[1:2] or [None])[0], argv[2:]
  if name in ('--help', '-h', 'help'):
    _help()
    return
  if name not in COMMANDS:
    if name is None:
      raise UserError(_CALL)
    near = nearest(name, list(COMMANDS))
    raise UserError(f'there is no command {name!r}{near}: {_CALL}')
  if name == 'train' and not {'-h', '--help'} & set(rest):
    _train(argv)
    return
  command = COMMANDS[name]
  arguments, options = Parser(name, command).parse(rest)
  if command.arguments[:1] == ('PATH',):
    workdir.check_flow(arguments[0])  # before TensorFlow is there
  module, function = command.run.split(':')
  getattr(importlib.import_module(module), function)(*arguments, **options)


def _help():
  print('python -m training COMMAND, where COMMAND is one of\n')
  for name, command in COMMANDS.items():
    print(f'  {name:12} {" ".join(command.help.split())}')
  print('\n`python -m training COMMAND --help` tells how to call it.')


def _train(argv):
  """Parses by absl, which knows the values of a configuration."""
  check_overrides(argv)
  try:
    rest = FLAGS(argv)[2:]
  except flags.Error as error:
    raise UserError(' '.join(str(error).split())) from None
  if rest:
    raise UserError(f'train takes options alone, and no {rest[0]!r}.')
  if not FLAGS.workdir:
    raise UserError('--workdir is missing: name the folder of the run.')
  if FLAGS.config is None:
    raise UserError(
      '--config is missing: name a file such as '
      'training/configs/cinc_photos.py.'
    )
  config = smoke.reduce(FLAGS.config)
  preflight.check_data(config.data)
  preflight.check_numbers(config)
  preflight.check_horovod()
  workdir.check_config(config, FLAGS.workdir)
  from training.train import train

  train(config, FLAGS.workdir)


def check_overrides(argv) -> None:
  """Raises `UserError` for a `--config.key` that the configuration lacks.

  Args:
    argv: the command line.

  Raises:
    UserError: naming the key and the nearest one that there is.
  """
  path = None
  for argument, following in zip(argv, [*argv[1:], None], strict=True):
    if argument in ('--config', '-config'):
      path = following
    elif argument.startswith(('--config=', '-config=')):
      path = argument.partition('=')[2]
  if path is None:
    return
  try:
    config = runpy.run_path(path)['get_config']()
  except Exception as error:  # whatever a user's file may raise
    raise UserError(
      f'--config {path} is no configuration, a Python file that defines '
      f'get_config(): {type(error).__name__}: {error}.'
    ) from None
  known = [f'config.{key}' for key in workdir.flat(config.to_dict())]
  for argument in argv:
    key = argument.lstrip('-').partition('=')[0]
    is_override = argument.startswith(('--config.', '-config.'))
    if is_override and key not in known:
      near = difflib.get_close_matches(key, known, n=1)
      hint = f'; did you mean --{near[0]}?' if near else '.'
      raise UserError(f'--{key} is no value of {path}{hint}')


if __name__ == '__main__':
  main(sys.argv)
