"""`python -m training COMMAND`: train a flow, look after it, use it."""

import difflib
import os
import runpy
import sys

from absl import app, flags, logging
from ml_collections import config_flags

from training import preflight, smoke, workdir
from training.errors import UserError

_COMMANDS = ('train', 'evaluate', 'sample', 'status', 'inspect', 'prepare')

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file(
  'config',
  None,
  'A file of training/configs; its values by --config.flow.depth=8 and so on.',
)
flags.DEFINE_string('workdir', None, 'The folder of the run.')
flags.DEFINE_integer('noise_draws', 8, 'evaluate: noise draws of an image.')
flags.DEFINE_integer('number', 64, 'sample: how many images.')
flags.DEFINE_float('temperature', 1.0, 'sample: standard deviation of latents.')
flags.DEFINE_integer('sample_seed', 0, 'sample: seed of the latents.')
flags.DEFINE_string('dataset', None, 'prepare: name[/config][:version].')
flags.DEFINE_string('data_dir', '', 'prepare: the folder of all data sets.')


def main(argv):
  """Runs a command; an error of the user's is one sentence and exit code 2."""
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')  # no word but errors
  logging.set_verbosity(logging.WARNING)
  try:
    _run(argv)
  except UserError as error:
    _fail(error)


def _fail(error):
  """Ends this process; of several workers the first one says why."""
  is_elastic = os.environ.get('HOROVOD_ELASTIC') == '1'
  if is_elastic or os.environ.get('HOROVOD_RANK', '0') == '0':
    print(f'error: {error}', file=sys.stderr)
  sys.exit(2)


def _run(argv):
  """Runs the command; what it needs is imported once the call is right."""
  if len(argv) == 3 and argv[1] in ('status', 'inspect'):
    argv, FLAGS.workdir = argv[:2], argv[2]
  if len(argv) != 2 or argv[1] not in _COMMANDS:
    raise UserError(
      f'call `python -m training COMMAND` with one of {list(_COMMANDS)}; '
      'for example `python -m training train --config '
      'training/configs/cinc_photos.py --workdir runs/cinc_photos`.'
    )
  command = argv[1]
  if command == 'prepare':
    if not FLAGS.dataset:
      raise UserError("--dataset is missing: name a data set, as 'cifar10'.")
    from training.prepare import prepare

    print(f'Prepared in {prepare(FLAGS.dataset, FLAGS.data_dir)}')
    return
  if not FLAGS.workdir:
    raise UserError('--workdir is missing: name the folder of the run.')
  if command == 'train':
    _train()
  elif command == 'status':
    from training.status import status

    status(FLAGS.workdir)
  elif command == 'inspect':
    from training.inspect_run import inspect

    inspect(FLAGS.workdir)
  else:
    workdir.read_config(FLAGS.workdir)
    if min(FLAGS.number, FLAGS.noise_draws) < 1:
      raise UserError('--number and --noise_draws must be at least 1.')
    from training import use

    if command == 'evaluate':
      use.evaluate(FLAGS.workdir, FLAGS.noise_draws)
    else:
      use.sample(
        FLAGS.workdir, FLAGS.number, FLAGS.temperature, FLAGS.sample_seed
      )


def _train():
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
  try:
    check_overrides(sys.argv)
  except UserError as error:
    _fail(error)
  app.run(main)
