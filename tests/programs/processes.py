"""Starts our commands and the programs of this folder as a user would."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
TINY = 'tests/training/tiny.py'


def environment() -> dict[str, str]:
  """Returns the environment with the `bin` of this Python first in PATH."""
  folder = pathlib.Path(sys.executable).parent
  path = f'{folder}{os.pathsep}{os.environ["PATH"]}'
  return {**os.environ, 'PYTHONUNBUFFERED': '1', 'PATH': path}


def script(name: str) -> str:
  """Returns the path of a script that is installed beside this Python."""
  found = shutil.which(name, path=pathlib.Path(sys.executable).parent)
  assert found, f'{name} is missing; `make setup` installs it'
  return found


def horovodrun() -> str:
  """Returns the path of Horovod's launcher."""
  return script('horovodrun')


def command(*arguments, workers=1) -> list[str]:
  """Returns the command line of a module, such as 'training', 'train'."""
  python = [sys.executable, '-m', *map(str, arguments)]
  if workers == 1:
    return python
  return [horovodrun(), '--gloo', '-np', str(workers), *python]


def start(*arguments, workers=1, **options) -> subprocess.Popen:
  """Starts a module; the caller waits for it."""
  return subprocess.Popen(
    command(*arguments, workers=workers),
    cwd=ROOT,
    env=environment(),
    text=True,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    **options,
  )


def run(*arguments, workers=1) -> tuple[int, str, str]:
  """Runs a module; returns its exit code, standard output and error."""
  for _ in range(2):
    process = start(*arguments, workers=workers)
    out, error = process.communicate()
    # Seen once in hundreds of starts, before any worker: `horovodrun` imports
    # TensorFlow in a forked process and takes any failure of it for this.
    if 'Gloo support has not been built' not in error:
      break
  return process.returncode, out, error


def train_arguments(folder, *overrides, config=TINY) -> list[str]:
  """Returns the arguments of `command` that train a run in a folder."""
  arguments = ['training', 'train', '--config', config, '--workdir', folder]
  return [*map(str, arguments), *overrides]


def train(folder, *overrides, workers=1, config=TINY) -> tuple[int, str, str]:
  """Runs the train command; returns what `run` returns."""
  arguments = train_arguments(folder, *overrides, config=config)
  return run(*arguments, workers=workers)


def newest_checkpoint(folder) -> int:
  """Returns the step of the newest checkpoint of a run, 0 if there is none."""
  checkpoints = pathlib.Path(folder, 'checkpoints')
  names = os.listdir(checkpoints) if checkpoints.is_dir() else []
  found = (re.fullmatch(r'step_(\d+)', name) for name in names)
  return max((int(match[1]) for match in found if match), default=0)
