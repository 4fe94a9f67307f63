"""Checks that need no TensorFlow, so that a mistake is answered at once."""

import difflib
import importlib.util
import os
import pathlib

from training.errors import UserError

__all__ = [
  'check_data',
  'check_horovod',
  'check_numbers',
  'prepared_tfds_folder',
]

_SOURCES = ('photos', 'digits', 'folder', 'arrays', 'tfds', 'made_up')


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
  if config.name == 'folder' and config.channels not in (1, 3):
    raise UserError(
      f'config.data.channels is {config.channels}; images of a folder have 3, '
      'or 1 where they are to be grey.'
    )
  if config.name == 'arrays':
    _check_arrays(config.dir)
  if not 0 <= config.crop < config.image_size:
    raise UserError(
      f'config.data.crop is {config.crop}; it must be from 0 to less than '
      f'config.data.image_size, {config.image_size}.'
    )
  if config.cache_mb < 0:
    raise UserError(
      f'config.data.cache_mb is {config.cache_mb}; it must be at least 0.'
    )
  several = int(os.environ.get('HOROVOD_SIZE', '1')) > 1
  if config.name == 'tfds' and (several or not config.download):
    # Several workers would download into one folder at once.
    prepared_tfds_folder(config.tfds_name, config.dir)


def check_numbers(config) -> None:
  """Raises `UserError` where a number of a configuration is too small.

  Args:
    config: the whole configuration.

  Raises:
    UserError: naming the value.
  """
  least = {
    'data.image_size': 1,
    'train.num_steps': 1,
    'train.batch_size': 1,
    'train.init_images': 1,
    'train.max_skipped': 1,
    'train.log_every': 1,
    'train.eval_every': 1,
    'train.checkpoint_every': 1,
    'train.keep_checkpoints': 1,
    'train.commit_every': 1,
    'train.max_minutes': 0,
    'train.warmup_steps': 0,
    'train.warmup_epochs': 0,
    'train.accumulate': 1,
    'train.ema_decay': 0,
    'train.clip_norm': 0,
    'eval.batch_size': 1,
    'eval.num_images': 1,
    'eval.noise_draws': 1,
  }
  for key, bound in least.items():
    part, name = key.split('.')
    if not config[part][name] >= bound:
      raise UserError(
        f'config.{key} is {config[part][name]}; it must be at least {bound}.'
      )
  if not config.train.learning_rate > 0:
    raise UserError(
      f'config.train.learning_rate is {config.train.learning_rate}; it must be '
      'more than 0.'
    )


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
      f'the data set {name!r} is not prepared in {root}; prepare it by '
      f'`python -m training prepare --dataset {name} --data_dir {root}`, or '
      'with the train command of one worker and --config.data.download=True, '
      'on a machine with a network.'
    )
  return str(max(versions, key=lambda path: _version_key(path.name)))


def _check_arrays(path):
  path = pathlib.Path(path)
  is_there = path.is_dir() and any(path.glob('*.npy'))
  if not is_there and not (path.suffix in ('.npy', '.npz') and path.is_file()):
    raise UserError(
      f'config.data.dir is {str(path)!r}; give a .npy or .npz file, or a '
      'folder of .npy files such as train.npy and test.npy.'
    )


def _version_key(version):
  return [int(part) if part.isdigit() else -1 for part in version.split('.')]
