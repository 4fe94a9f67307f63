"""The command that trains a run like one that is there."""

import importlib
import json
import pathlib
import pkgutil
import shlex

import training.configs
from training.errors import UserError
from training.workdir import flat, read_config

__all__ = ['training_command']

_NO_CONFIGS = ('base', 'papers')  # what configurations are made of


def training_command(folder: str) -> str:
  """The command that trains a run of the configuration of another.

  It names the file of `training/configs` that differs in the fewest values, and
  each value that differs; and as many workers as the run ended with.

  Args:
    folder: the run's workdir.

  Returns:
    The command, for a shell.

  Raises:
    UserError: if there is no run, or it is of other code.
  """
  wanted = flat(read_config(folder).to_dict())
  names = [
    module.name
    for module in pkgutil.iter_modules(training.configs.__path__)
    if module.name not in _NO_CONFIGS
  ]
  found = [(name, _changes(name, wanted)) for name in names]
  found = [(name, changes) for name, changes in found if changes is not None]
  if not found:
    raise UserError(
      f'{folder} holds a run of a configuration that no file of '
      'training/configs can be changed to: it was made by other code.'
    )
  name, changes = min(found, key=lambda pair: len(pair[1]))
  words = ['python', '-m', 'training', 'train']
  workers = _workers(folder)
  if workers > 1:
    words = ['horovodrun', '--gloo', '-np', f'{workers}', *words]
  words += ['--config', f'training/configs/{name}.py', *changes]
  return shlex.join([*words, '--workdir', str(folder)])


def _workers(folder):
  """How many ended a run; 1 where it has not ended."""
  try:
    metrics = json.loads(pathlib.Path(folder, 'metrics.json').read_text())
  except FileNotFoundError:
    return 1
  return metrics['workers']


def _changes(name, wanted):
  """Options that make a file's configuration the wanted one; None if none do.

  An option can replace a value, but neither bring a key nor take a value away.
  """
  module = importlib.import_module(f'training.configs.{name}')
  values = flat(module.get_config().to_dict())
  changed = {
    key: value
    for key, value in sorted(wanted.items())
    if key not in values or values[key] != value
  }
  if any(key not in values or changed[key] is None for key in changed):
    return None
  return [f'--config.{key}={value}' for key, value in changed.items()]
