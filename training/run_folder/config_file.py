"""config.json, the configuration of a run and what it was made with."""

import importlib.util
import json
import pathlib

import ml_collections

from ..configs.options import OPTIONS, check_values
from ..errors import UserError
from .checkpoint_list import find
from .files import write_json
from .versions import git_commit, package_versions

__all__ = [
  'check_config',
  'check_flow',
  'facts',
  'flat_dict',
  'is_weights',
  'names_in_package',
  'read_config',
  'read_data_facts',
  'write_config',
]


def check_config(config, folder, data: dict | None = None) -> dict[str, str]:
  """Raises `UserError` if a folder holds a run of another configuration.

  A run may be resumed with other values of the options that are `resumable`.
  Values that a run of an earlier version lacks had their defaults. A run that
  has neither a checkpoint nor results starts again, with any values.

  Args:
    config: The configuration of the run to start.
    folder: The folder of the run, which need not exist.
    data: Facts of the data set, as JSON values, if they are known.

  Returns:
    The values that differ from those of the run, by key, such as
    {'train.num_steps': 'train.num_steps 6 -> 9'}.

  Raises:
    UserError: If a value differs that is not resumable, or the data set is
      another one.
  """
  path = pathlib.Path(folder, 'config.json')
  if not _has_results(path.parent):
    return {}
  content = _read_json(path)
  old = flat_dict(_with_defaults(content['config']))
  new = flat_dict(config.to_dict())
  changed = {
    key: f'{key} {old.get(key, "(none)")!r} -> {new.get(key, "(none)")!r}'
    for key in sorted(old.keys() | new.keys())
    if old.get(key) != new.get(key)
  }
  refused = [
    text
    for key, text in changed.items()
    if key not in OPTIONS or not OPTIONS[key].resumable
  ]
  if refused:
    raise UserError(
      f'{folder} holds a run of another configuration ({"; ".join(refused)}); '
      'use another --workdir, or the same values.'
    )
  before = content.get('data')
  if data is not None and before is not None:
    data = json.loads(json.dumps(data))  # lists for tuples, as in the file
    keys = ('image_shape', 'num_train', 'num_classes', 'num_attributes')
    for key in (*keys, 'label_names', 'digest'):
      ours, theirs = data.get(key), before.get(key)
      if key not in before or ours == theirs:
        continue
      change = f'{key} was {theirs} and is {ours} now'
      if key == 'digest':
        if None in (ours, theirs):
          continue  # one of them is not known
        change = 'there are as many images, but other ones'
      raise UserError(
        f'{folder} holds a run of other data: {change}; use another --workdir, '
        'or the same data.'
      )
  return changed


def is_weights(path) -> bool:
  """Returns whether a path is that of a file of weights, or a name of one.

  Args:
    path: Path of a file that `tfp_cinc.models.load` reads, or a name of a
      trained flow of the package, if there is no folder of that name.
  """
  path = pathlib.Path(path)
  return path.suffix == '.npz' or (
    not path.exists() and str(path) in names_in_package()
  )


def check_flow(path) -> None:
  """Raises `UserError` if there is no trained flow at a path.

  Args:
    path: Folder of a run or of a SavedModel, or as in `is_weights`.

  Raises:
    UserError: Naming the files that are missing.
  """
  if is_weights(path):
    if pathlib.Path(path).suffix == '.npz' and not pathlib.Path(path).exists():
      raise UserError(f'{path} does not exist.')
    return
  files = [pathlib.Path(path, x) for x in ('config.json', 'saved_model.pb')]
  if not any(file.exists() for file in files):
    raise UserError(
      f'{path} holds no run and no SavedModel: there is neither {files[0]} nor '
      f'{files[1]}. The trained flows of the package are '
      f'{", ".join(names_in_package())}.'
    )


def names_in_package() -> list[str]:
  """Returns the names of the trained flows, without importing TensorFlow."""
  package = pathlib.Path(importlib.util.find_spec('tfp_cinc').origin).parent
  return sorted(path.stem for path in package.glob('models/weights/*.npz'))


def read_config(folder) -> ml_collections.ConfigDict:
  """Returns the last configuration of the run in a folder.

  Args:
    folder: The folder of the run.

  Returns:
    The configuration. Values that a run of an earlier version lacks have their
    defaults.

  Raises:
    UserError: If there is no run, or its configuration is damaged.
  """
  path = pathlib.Path(folder, 'config.json')
  if not path.exists():
    raise UserError(f'{folder} holds no run: there is no {path}.')
  values = _with_defaults(_read_json(path)['config'])
  config = ml_collections.ConfigDict(values)
  try:
    check_values(config)
  except UserError as error:
    raise UserError(f'{path} was changed or is damaged: {error}') from None
  return config


def read_data_facts(folder) -> dict | None:
  """Returns what config.json says about the data set.

  Args:
    folder: The folder of the run.

  Returns:
    A dict of JSON values; None for a run of an earlier version.

  Raises:
    UserError: If there is no run.
  """
  return _read_json(pathlib.Path(folder, 'config.json')).get('data')


def write_config(config, folder, data: dict) -> None:
  """Writes all values, package versions, git commit and facts of the data.

  Versions and commit stay those of the start of the run when it is resumed.

  Args:
    config: The configuration.
    folder: The folder of the run, which is made if it is missing.
    data: Facts of the data set, as JSON values.
  """
  path = pathlib.Path(folder, 'config.json')
  content = {'config': config.to_dict(), 'data': data}
  if _has_results(path.parent):
    old = _read_json(path)
    content = {**old, **content}
    if json.loads(json.dumps(content)) == old:
      return
  else:
    content.update(versions=package_versions(), git_commit=git_commit())
  write_json(path, content)


def facts(config) -> dict[str, object]:
  """Returns what all workers must have in common, by name."""
  values = flat_dict(config.to_dict())
  return {
    **{f'config.{key}': value for key, value in values.items()},
    **package_versions(),
  }


def flat_dict(values: dict, prefix: str = '') -> dict:
  """Turns {'a': {'b': 1}} into {'a.b': 1}, and tuples into lists as in JSON."""
  result = {}
  for key, value in values.items():
    if isinstance(value, dict):
      result.update(flat_dict(value, f'{prefix}{key}.'))
    else:
      result[prefix + key] = list(value) if isinstance(value, tuple) else value
  return result


def _with_defaults(values):
  """Adds the options that the version that wrote the values did not have."""
  result = dict(values)
  for key, option in OPTIONS.items():
    section, _, name = key.rpartition('.')
    if not section:
      result.setdefault(name, option.default)
    elif isinstance(result.get(section), dict):
      result[section] = {name: option.default, **result[section]}
  return result


def _read_json(path):
  try:
    content = json.loads(path.read_text())
    is_dict = isinstance(content['config'], dict)
    is_dict = is_dict and isinstance(content.get('data'), dict | None)
  except OSError as error:
    raise UserError(f'{path} cannot be read: {error.strerror}.') from None
  except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
    is_dict = False
  if not is_dict:
    raise UserError(f'{path} is not the configuration of a run; move it away.')
  return content


def _has_results(folder):
  """Returns whether a new run would replace something of an old one."""
  if not (folder / 'config.json').exists():
    return False
  results = ('metrics.json', 'saved_model')
  return any((folder / name).exists() for name in results) or bool(
    find(folder / 'checkpoints')
  )
