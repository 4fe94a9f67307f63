"""Images in .npy and .npz files."""

import os
import pathlib
import zipfile

import numpy as np

from ...errors import UserError
from ..dataset import Dataset, held_out, shuffled_dataset
from ..location import array_files
from ..sources import ArraySource

__all__ = ['arrays']

_LOCAL_HEADER = 30  # bytes of the header of a ZIP member before its name
_TEST_NAMES = ('test', 'validation')


def arrays(config) -> Dataset:
  """Loads images from arrays.

  The arrays are memory-mapped, so they may be larger than memory; only
  compressed .npz files are loaded entirely. `config.dir` is one of
  - NAME.npy, images of which a part is held out for testing;
  - NAME.npz with 'images', or with 'train' and 'test' (or 'validation').
    Labels, if any, are 'labels', or 'train_labels' and so on: classes from 0,
    [N], or attributes 0 or 1, [N, A]. 'label_names', strings, names them;
  - a folder of files such as 'train.npy' and 'test.npy'.
  Images are uint8, [N, H, W] or [N, H, W, C]. If their size is not
  `config.image_size`, their central squares are resized.

  Args:
    config: The `data` section of a configuration.

  Returns:
    `Dataset`.

  Raises:
    UserError: If there are no such arrays.
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
        f'the training images of {path} have shape {list(train.shape)} and '
        f'the test images {list(test.shape)}; they must be equal.'
      )
    others = {
      key: _source(path, found, key, f'{key}_labels', size) for key in tests[1:]
    }
  elif 'images' in found and 'train' not in found and not tests:
    train, test = (
      _source(path, found, 'images', 'labels', size, numbers)
      for numbers in held_out(
        # Hashes of the indices, because reading a large file takes too long.
        (str(i).encode() for i in range(len(found['images']))),
        config.test_fraction,
      )
    )
  else:
    raise UserError(
      f"{path} contains {sorted(found)}; it must contain either 'images', or "
      "'train' and 'test'."
    )
  classes, attributes = _numbers_of_labels([train, test, *others.values()])
  return shuffled_dataset(
    name,
    train,
    test,
    config,
    label_names=_names(path, found, classes or attributes),
    others=others,
    num_classes=classes,
    num_attributes=attributes,
  )


def _numbers_of_labels(sources):
  """Returns (number of classes, number of attributes), or None for each."""
  labels = [source.labels() for source in sources]
  labels = [array for array in labels if array is not None]
  shapes = {array.shape[1:] for array in labels}
  if shapes == {()}:
    return max(0, *(int(np.max(array)) for array in labels)) + 1, None
  if len(shapes) == 1 and len(*shapes) == 1:
    return None, shapes.pop()[0]
  return None, None


def _names(path, found, number):
  """Returns the names of the classes or attributes, or None."""
  if 'label_names' not in found:
    return None
  names = found['label_names']
  is_text = names.dtype.kind == 'U' and names.shape == (number,)
  if not is_text or len(set(names.tolist())) < number:
    raise UserError(
      f"'label_names' of {path} is {names.dtype} {list(names.shape)}; it must "
      f'be an array of different strings, one for each of the {number or 0} '
      'classes or attributes of the labels.'
    )
  return names.tolist()


def _find(path, limit):
  """Returns the arrays of a file or folder by name."""
  if path.is_dir():
    return {file.stem: _map(file) for file in array_files(path)}
  if path.suffix == '.npz':
    return _map_members(path, limit)
  return {'images': _map(path)}


def _map(path):
  try:
    return np.load(path, mmap_mode='r', allow_pickle=False)
  except Exception as error:  # a damaged header raises any type
    raise _invalid(path, error) from None


def _map_members(path, limit):
  """Returns the arrays of an .npz file; maps those not compressed."""
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
            f'{key!r} of {path} is compressed and has '
            f'{member.file_size / 2**20:.0f} MiB, more than '
            'config.data.cache_mb; save it uncompressed, with numpy.savez or '
            'numpy.save.'
          )
        with archive.open(member) as content:
          result[key] = np.lib.format.read_array(content, allow_pickle=False)
  except UserError:
    raise
  except Exception as error:  # a damaged header or archive raises any type
    raise _invalid(path, error) from None
  return result


def _invalid(path, error):
  reason = str(error).partition('\n')[0].rstrip('.') or type(error).__name__
  return UserError(f'{path} is not a valid {path.suffix} file: {reason}.')


def _map_stored(path, file, member):
  file.seek(member.header_offset)
  header = file.read(_LOCAL_HEADER)
  lengths = np.frombuffer(header, '<u2', count=2, offset=26)
  file.seek(member.header_offset + _LOCAL_HEADER + int(lengths.sum()))
  version = np.lib.format.read_magic(file)
  if version not in ((1, 0), (2, 0)):
    raise ValueError(f'{member.filename} has version {version}')
  read = (
    np.lib.format.read_array_header_1_0
    if version == (1, 0)
    else np.lib.format.read_array_header_2_0
  )
  shape, is_fortran, dtype = read(file)
  if dtype.hasobject:
    raise ValueError(f'{member.filename} contains Python objects')
  return np.memmap(
    path, dtype, 'r', file.tell(), shape, 'F' if is_fortran else 'C'
  )


def _checked(path, key, images):
  if images.dtype != np.uint8 or images.ndim not in (3, 4) or not images.size:
    raise UserError(
      f'{key!r} of {path} is {images.dtype} {list(images.shape)}; images must '
      'be uint8 [N, H, W] or [N, H, W, C] with values from 0 to 255.'
    )
  return images[..., np.newaxis] if images.ndim == 3 else images


def _source(path, found, key, label_key, size, numbers=None):
  images, labels = found[key], found.get(label_key)
  if labels is not None:
    if labels.dtype.kind not in 'iub' or labels.shape[:1] != images.shape[:1]:
      raise UserError(
        f'{label_key!r} of {path} is {labels.dtype} {list(labels.shape)}; '
        f'labels must be integers, one per image ({len(images)}).'
      )
    labels = np.asarray(labels, np.int64)
  status = os.stat(path)
  identity = f'{path.resolve()} {key} {status.st_size} {status.st_mtime_ns}'
  return ArraySource(images, size, numbers, labels, identity)
