"""Finds the command that trains an existing run again."""

import json
import pathlib
import shlex

from training.configs.loading import config_names, load_config
from training.errors import UserError
from training.run_folder.config_file import flat_dict, read_config

__all__ = ['training_command']


def training_command(folder: str) -> str:
  """Returns the command that trains a run with the same configuration.

  The command names the configuration that differs in the fewest values, all
  values that differ, and the number of workers at the run's end.

  Args:
    folder: The run's workdir.

  Returns:
    The command, quoted for a shell.

  Raises:
    UserError: If the folder holds no run, or a run made by other code.
  """
  wanted = flat_dict(read_config(folder).to_dict())
  found = [(name, _changes(name, wanted)) for name in config_names()]
  found = [(name, changes) for name, changes in found if changes is not None]
  if not found:
    raise UserError(
      'no options turn a configuration of training/configs into that of the '
      f'run in {folder}: it was made by other code.'
    )
  name, changes = min(found, key=lambda pair: len(pair[1]))
  words = ['tfp-cinc', 'train']
  workers = _workers(folder)
  if workers > 1:
    words = ['horovodrun', '--gloo', '-np', f'{workers}', *words]
  words += ['--config', name, *changes]
  return shlex.join([*words, '--workdir', str(folder)])


def _workers(folder):
  """Returns the number of workers at the run's end, or 1 before its end."""
  try:
    metrics = json.loads(pathlib.Path(folder, 'metrics.json').read_text())
  except FileNotFoundError:
    return 1
  return metrics['workers']


def _changes(name, wanted):
  """Returns options that turn a configuration into the wanted one.

  Returns None if there are none: an option can replace a value, but it can
  neither add a key nor set a value to None.
  """
  values = flat_dict(load_config(name).to_dict())
  changed = {
    key: value
    for key, value in sorted(wanted.items())
    if key not in values or values[key] != value
  }
  if any(key not in values or changed[key] is None for key in changed):
    return None
  return [f'--config.{key}={value}' for key, value in changed.items()]
