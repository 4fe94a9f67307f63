"""Checks that need no TensorFlow, so that a mistake is answered at once."""

import difflib
import importlib.util
import os
import pathlib

from training.errors import UserError

__all__ = ['check_data', 'check_horovod', 'prepared_tfds_folder']

_SOURCES = ('photos', 'digits', 'folder', 'tfds')


def check_data(config) -> None:
  """Raises `UserError` where a `config.data` names nothing that is there.

  Args:
    config: the `data` part of a configuration.

  Raises:
    UserError: with one sentence that says what would be right.
  """
  if config.name not in _SOURCES:
    near = difflib.get_close_matches(config.name, _SOURCES, n=1)
    hint = f' (did you mean {near[0]!r}?)' if near else ''
    raise UserError(
      f'config.data.name is {config.name!r}; it must be one of '
      f'{list(_SOURCES)}{hint}.'
    )
  if not 1 <= config.num_bits <= 8:
    raise UserError(
      f'config.data.num_bits is {config.num_bits}; it must be from 1 to 8.'
    )
  if config.name == 'folder' and not os.path.isdir(config.dir):
    raise UserError(
      f'config.data.dir is {config.dir!r}, which is no folder; give the folder '
      'of your images.'
    )
  if config.name == 'tfds' and not config.download:
    prepared_tfds_folder(config.tfds_name, config.dir)


def check_horovod() -> None:
  """Raises `UserError` where Horovod's launcher runs us without Horovod."""
  size = int(os.environ.get('HOROVOD_SIZE', '1'))
  if size > 1 and importlib.util.find_spec('horovod') is None:
    raise UserError(
      f'{size} workers were started but Horovod is not installed in this '
      'environment; `make setup` builds it.'
    )


def prepared_tfds_folder(name: str, data_dir: str) -> str:
  """The folder of a data set that TensorFlow Datasets has prepared.

  Args:
    name: name[/config][:version]; without a version, the newest that is there.
    data_dir: the folder of all data sets; '' is TFDS's own default.

  Returns:
    The folder of the version.

  Raises:
    UserError: if it is not there; the message says how to prepare it. Nothing
      is looked up on the network.
  """
  if not name:
    raise UserError(
      "config.data.tfds_name is empty; name a data set, as 'cifar10'."
    )
  root = pathlib.Path(
    data_dir or os.environ.get('TFDS_DATA_DIR', '~/tensorflow_datasets')
  ).expanduser()
  folder, _, version = name.partition(':')
  versions = [
    path.parent
    for path in (root / folder).glob(f'{version or "*"}/dataset_info.json')
  ]
  if not versions:
    raise UserError(
      f'the data set {name!r} is not prepared in {root}; prepare it with the '
      'same command and --config.data.download=True, or by `python -m '
      f'tensorflow_datasets.scripts.cli.main build {name} --data_dir={root}`, '
      'on a machine with a network.'
    )
  return str(max(versions, key=lambda path: _version_key(path.name)))


def _version_key(version):
  return [int(part) if part.isdigit() else -1 for part in version.split('.')]
