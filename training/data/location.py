"""Where data are: checks that need no TensorFlow."""

import os
import pathlib
import shlex

from ..errors import UserError

__all__ = [
  'array_files',
  'check_location',
  'kind_of_data',
  'prepared_tfds_folder',
]


def check_location(config) -> None:
  """Raises `UserError` if data are not where a configuration says.

  Args:
    config: The `data` section of a configuration.

  Raises:
    UserError: With one sentence that says what would be right.
  """
  if config.name == 'folder':
    if not os.path.isdir(config.dir):
      raise UserError(
        f'config.data.dir is {config.dir!r}, which is not a folder; give the '
        'folder of your images.'
      )
    if config.channels not in (1, 3):
      raise UserError(
        f'config.data.channels is {config.channels}; images of a folder have '
        '3 channels, or 1 if they are gray.'
      )
  if config.name == 'arrays':
    _check_arrays(config.dir)
  several = int(os.environ.get('HOROVOD_SIZE', '1')) > 1
  if config.name == 'tfds' and (several or not config.download):
    # Several workers would download into one folder at the same time.
    prepared_tfds_folder(config.tfds_name, config.dir)


def array_files(folder: pathlib.Path) -> list[pathlib.Path]:
  """Returns the sorted .npy files of a folder, without pipes and devices."""
  return [path for path in sorted(folder.glob('*.npy')) if path.is_file()]


def kind_of_data(path, argument: str) -> str:
  """Returns the `config.data.name` of a user's data: 'folder' or 'arrays'.

  Args:
    path: The path of the data.
    argument: Name of the argument that gave it, for the error message.

  Returns:
    'arrays' for a file or a folder that holds .npy files, else 'folder'.

  Raises:
    UserError: If it is neither a folder nor a .npy or .npz file.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    return 'arrays' if array_files(path) else 'folder'
  if not _is_array_file(path):
    fault = 'cannot be read' if path.exists() else 'does not exist'
    raise UserError(
      f'{argument} {path} {fault}; name a folder of images, or a .npy or .npz '
      'file.'
    )
  return 'arrays'


def prepared_tfds_folder(name: str, data_dir: str) -> str:
  """Finds the folder of a data set that TensorFlow Datasets has prepared.

  Args:
    name: name[/config][:version]. Without a version, the newest that exists.
    data_dir: Folder of all data sets. '' is the default of TensorFlow Datasets.

  Returns:
    The folder of the version.

  Raises:
    UserError: If it does not exist; the message says how to prepare it. The
      network is not used.
  """
  if not name:
    raise UserError(
      "config.data.tfds_name is empty; name a data set, such as 'cifar10'."
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
      f'the data set {name!r} is not prepared in {root}; prepare it by '
      f'`tfp-cinc prepare {shlex.quote(name)} --data-dir '
      f'{shlex.quote(str(root))}`, or train with one worker '
      'and --config.data.download=True, on a machine with a network.'
    )
  return str(max(versions, key=lambda path: _version_key(path.name)))


def _check_arrays(path):
  path = pathlib.Path(path)
  is_there = path.is_dir() and array_files(path)
  if not is_there and not _is_array_file(path):
    raise UserError(
      f'config.data.dir is {str(path)!r}; give a .npy or .npz file, or a '
      'folder of .npy files such as train.npy and test.npy.'
    )


def _is_array_file(path):
  return path.suffix in ('.npy', '.npz') and path.is_file()


def _version_key(version):
  return [int(part) if part.isdigit() else -1 for part in version.split('.')]
