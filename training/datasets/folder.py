"""A folder of image files."""

import itertools
import os

import numpy as np

from training.datasets.dataset import Dataset, held_out, shuffled_dataset
from training.datasets.sources import (
  BrokenImage,
  Source,
  decode,
  digest,
  fit,
  printable,
)
from training.errors import UserError

__all__ = ['folder']

_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.gif', '.webp', '.tif', '.tiff')
_TEST_FOLDERS = ('test', 'validation', 'valid', 'val')


class _Files(Source):
  """Image files, cropped to their central squares and resized.

  Args:
    root: the folder.
    paths: of the files, below it.
    classes: names of the classes, of which each path names one at `depth`;
      empty where there are none.
    depth: which part of a path is the class.
    shape: (H, W, C) of each image, H = W, C 1 or 3.
  """

  def __init__(self, root, paths, classes, depth, shape):
    self._root, self._paths = root, paths
    self._classes, self._depth, self.shape = classes, depth, shape

  def __len__(self):
    return len(self._paths)

  def image(self, number):
    """One image, uint8 [H, W, C]; raises `BrokenImage`."""
    path = os.path.join(self._root, self._paths[number])
    try:
      pixels = decode(path, self.shape[-1], upright=True)
      return fit(pixels, self.shape[0])
    except BrokenImage as error:
      raise BrokenImage(f'{printable(path)} ({error})') from None

  def labels(self):
    """int64 [N], the class folder's place among their sorted names."""
    if not self._classes:
      return None
    places = {name: place for place, name in enumerate(self._classes)}
    return np.array(
      [places[path.split(os.sep)[self._depth]] for path in self._paths],
      np.int64,
    )

  def identity(self):
    """Names the files, with their sizes and times."""
    lines = []
    for path in self._paths:
      status = os.stat(os.path.join(self._root, path))
      lines.append(f'{path} {status.st_size} {status.st_mtime_ns}')
    files = digest(os.fsencode('\n'.join(lines)))
    return f'{os.path.abspath(self._root)} {self.shape} upright {files}'


def folder(config) -> Dataset:
  """All images below a folder, their central squares resized.

  They are turned as their EXIF says, and are grey where `config.channels` is 1,
  see `sources.decode`.

  Where the folder has a sub-folder 'train' and one of 'test', 'validation',
  'valid' and 'val', in any letters, those are the splits; the first of these is
  for testing and the others are for whoever asks for them. Else a part is held
  out, chosen by hash of the paths, so that no file has to be read for it.

  Where all images of the splits lie in sub-folders, the first level of these
  are the classes, and labels their places in alphabetical order. Where broken
  images are replaced in training, their labels are not.

  Args:
    config: the `data` part of a configuration.

  Returns:
    `Dataset`.

  Raises:
    UserError: if there are no images.
  """
  root = config.dir
  paths, others = _list(root)
  if not paths:
    raise UserError(
      f'config.data.dir: none of the {len(others)} files below {root} has the '
      f'name of an image ({", ".join(_SUFFIXES)}).'
    )
  splits = {
    name: [path for path in paths if _split(path) == name]
    for name in ('train', *_TEST_FOLDERS)
  }
  splits = {name: found for name, found in splits.items() if found}
  warnings = []
  depth, more = 0, {}
  if 'train' in splits and len(splits) > 1:
    depth = 1
    train = splits.pop('train')
    test = splits.pop(next(iter(splits)))
    # By hash: part of the test images stands for all of them.
    test.sort(key=lambda path: digest(os.fsencode(path)))
    more = splits
    used = len(train) + len(test) + sum(map(len, more.values()))
    if used < len(paths):
      warnings.append(
        f'{len(paths) - used} of {len(paths)} images below {root} are in none '
        'of its splits and are not used'
      )
  else:
    train, test = (
      [paths[number] for number in numbers]
      for numbers in held_out(map(os.fsencode, paths), config.test_fraction)
    )
    train.sort()
  classes = {
    parts[depth] if len(parts := path.split(os.sep)) > depth + 1 else ''
    for path in itertools.chain(train, test, *more.values())
  }
  classes = [] if '' in classes else sorted(classes)
  if others:
    names = ', '.join(map(printable, others[:5])) + (
      ', ...' if len(others) > 5 else ''
    )
    warnings.append(
      f'skipped {len(others)} of {len(others) + len(paths)} files below '
      f'{root}, which are not named as images: {names}'
    )
  shape = (config.image_size, config.image_size, config.channels)
  train, test, *more_files = (
    _Files(root, split, classes, depth, shape)
    for split in (train, test, *more.values())
  )
  return shuffled_dataset(
    os.path.basename(os.path.abspath(root)),
    train,
    test,
    config,
    warnings,
    classes or None,
    dict(zip(more, more_files, strict=True)),
  )


def _split(path):
  """The first folder of a path, where it may be the name of a split."""
  first, separator, _ = path.partition(os.sep)
  return first.lower() if separator else ''


def _list(root):
  """(paths of images, paths of other files) below a folder, sorted."""
  images, others = [], []
  for place, folders, names in os.walk(root, followlinks=True):
    folders[:] = [name for name in folders if not name.startswith('.')]
    for name in names:
      if not name.startswith('.'):
        path = os.path.relpath(os.path.join(place, name), root)
        is_image = name.lower().endswith(_SUFFIXES)
        (images if is_image else others).append(path)
  return sorted(images), sorted(others)
