"""Images in .npy and .npz files."""

import os
import pathlib
import zipfile

import numpy as np

from training.datasets.dataset import Dataset, held_out, shuffled_dataset
from training.datasets.sources import ArraySource
from training.errors import UserError

__all__ = ['arrays']

_LOCAL_HEADER = 30  # bytes of a ZIP member's header before its name
_TEST_NAMES = ('test', 'validation')


def arrays(config) -> Dataset:
  """Images of arrays, memory-mapped, so that they may be larger than memory.

  `config.dir` is one of
  - NAME.npy, images of which a part is held out,
  - NAME.npz, with 'images', or with 'train' and 'test' (or 'validation'), and
    'labels', or 'train_labels' and so on, where there are labels,
  - a folder with files such as 'train.npy' and 'test.npy'.
  Images are uint8, [N, H, W] or [N, H, W, C]. Those of the size
  `config.image_size` are read from the file as they are; others are cropped to
  their central squares and resized. Compressed .npz files come into memory as
  a whole.

  Args:
    config: the `data` part of a configuration.

  Returns:
    `Dataset`.

  Raises:
    UserError: if there are no such arrays.
  """
  path = pathlib.Path(config.dir)
  found = _find(path, config.cache_mb * 2**20)
  name, size = path.stem, config.image_size
  for key in ('train', 'images', *_TEST_NAMES):
    if key in found:
      found[key] = _checked(path, key, found[key])
  tests = [key for key in _TEST_NAMES if key in found]
  others = {}
  if 'train' in found and tests:
    train, test = (
      _source(path, found, key, f'{key}_labels', size)
      for key in ('train', tests[0])
    )
    if train.shape != test.shape:
      raise UserError(
        f'config.data.dir: the images of {path} for training have the shape '
        f'{list(train.shape)}, those for testing {list(test.shape)}.'
      )
    others = {
      key: _source(path, found, key, f'{key}_labels', size) for key in tests[1:]
    }
  elif 'images' in found:
    train, test = (
      _source(path, found, 'images', 'labels', size, numbers)
      for numbers in held_out(
        # By number: to read all of a large file takes too long.
        (str(i).encode() for i in range(len(found['images']))),
        config.test_fraction,
      )
    )
  else:
    raise UserError(
      f"config.data.dir: {path} holds {sorted(found)}; it must hold 'images', "
      "or 'train' and 'test'."
    )
  return shuffled_dataset(name, train, test, config, others=others)


def _find(path, limit):
  """Names and arrays of a file or a folder."""
  if path.is_dir():
    return {file.stem: _map(file) for file in sorted(path.glob('*.npy'))}
  if path.suffix == '.npz':
    return _map_members(path, limit)
  return {'images': _map(path)}


def _map(path):
  try:
    return np.load(path, mmap_mode='r', allow_pickle=False)
  except (OSError, ValueError, EOFError) as error:
    raise UserError(
      f'config.data.dir: {path} is no whole .npy array: {error}.'
    ) from None


def _map_members(path, limit):
  """The arrays of an .npz file, mapped where they are not compressed."""
  result = {}
  try:
    with zipfile.ZipFile(path) as archive, open(path, 'rb') as file:
      for member in archive.infolist():
        key = member.filename.removesuffix('.npy')
        if member.compress_type == zipfile.ZIP_STORED:
          result[key] = _map_stored(path, file, member)
          continue
        if member.file_size > limit:
          raise UserError(
            f'config.data.dir: {key!r} of {path} is compressed and has '
            f'{member.file_size / 2**20:.0f} MiB, more than config.data.'
            'cache_mb; save it uncompressed, by numpy.savez or numpy.save.'
          )
        with archive.open(member) as content:
          result[key] = np.lib.format.read_array(content, allow_pickle=False)
  except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
    raise UserError(
      f'config.data.dir: {path} is no whole .npz file: {error}.'
    ) from None
  return result


def _map_stored(path, file, member):
  file.seek(member.header_offset)
  header = file.read(_LOCAL_HEADER)
  lengths = np.frombuffer(header, '<u2', count=2, offset=26)
  file.seek(member.header_offset + _LOCAL_HEADER + int(lengths.sum()))
  version = np.lib.format.read_magic(file)
  if version not in ((1, 0), (2, 0)):
    raise ValueError(f'{member.filename} is of version {version}')
  read = (
    np.lib.format.read_array_header_1_0
    if version == (1, 0)
    else np.lib.format.read_array_header_2_0
  )
  shape, is_fortran, dtype = read(file)
  if dtype.hasobject:
    raise ValueError(f'{member.filename} holds Python objects')
  return np.memmap(
    path, dtype, 'r', file.tell(), shape, 'F' if is_fortran else 'C'
  )


def _checked(path, key, images):
  if images.dtype != np.uint8 or images.ndim not in (3, 4) or not images.size:
    raise UserError(
      f'config.data.dir: {key!r} of {path} is {images.dtype} '
      f'{list(images.shape)}; images must be uint8 [N, H, W] or [N, H, W, C], '
      'of pixels from 0 to 255.'
    )
  return images[..., np.newaxis] if images.ndim == 3 else images


def _source(path, found, key, label_key, size, numbers=None):
  images, labels = found[key], found.get(label_key)
  if labels is not None:
    if labels.dtype.kind not in 'iub' or labels.shape[:1] != images.shape[:1]:
      raise UserError(
        f'config.data.dir: {label_key!r} of {path} is {labels.dtype} '
        f'{list(labels.shape)}; labels must be integers, one for each of the '
        f'{len(images)} images.'
      )
    labels = np.asarray(labels, np.int64)
  status = os.stat(path)
  identity = f'{path.resolve()} {key} {status.st_size} {status.st_mtime_ns}'
  return ArraySource(images, size, numbers, labels, identity)
