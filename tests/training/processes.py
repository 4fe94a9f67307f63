"""Training as a user starts it: in processes of their own."""

import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
TINY = 'tests/training/tiny.py'


def command(*arguments, workers=1):
  """The command line of `python -m training` or of another module."""
  python = [sys.executable, '-m', *map(str, arguments)]
  if workers == 1:
    return python
  launcher = shutil.which(
    'horovodrun', path=pathlib.Path(sys.executable).parent
  )
  assert launcher, 'Horovod is missing; `make setup` builds it'
  return [launcher, '--gloo', '-np', str(workers), *python]


def start(*arguments, workers=1, **options):
  """Starts it; the caller waits."""
  environment = {**os.environ, 'PYTHONUNBUFFERED': '1'}
  environment['PATH'] = (
    f'{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
  )
  return subprocess.Popen(
    command(*arguments, workers=workers),
    cwd=ROOT,
    env=environment,
    text=True,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    **options,
  )


def run(*arguments, workers=1):
  """Runs it to its end: (exit code, standard output, standard error)."""
  process = start(*arguments, workers=workers)
  out, error = process.communicate()
  return process.returncode, out, error


def train(workdir, *overrides, workers=1, config=TINY):
  """Runs the train command."""
  return run(
    'training',
    'train',
    '--config',
    config,
    '--workdir',
    workdir,
    *overrides,
    workers=workers,
  )
