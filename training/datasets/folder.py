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
)
from training.errors import UserError

__all__ = ['folder']

_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.gif', '.webp', '.tif', '.tiff')
_TEST_FOLDERS = ('test', 'validation', 'val')


class _Files(Source):
  """Image files, cropped to their central squares and resized.

  Args:
    root: the folder.
    paths: of the files, below it.
    classes: names of the classes, of which each path names one at `depth`;
      empty where there are none.
    depth: which part of a path is the class.
    size: height and width.
  """

  def __init__(self, root, paths, classes, depth, size):
    self._root, self._paths = root, paths
    self._classes, self._depth, self._size = classes, depth, size
    self.shape = (size, size, 3)

  def __len__(self):
    return len(self._paths)

  def image(self, number):
    """One image, uint8 [H, W, 3]; raises `BrokenImage`."""
    path = os.path.join(self._root, self._paths[number])
    try:
      return fit(decode(path), self._size)
    except BrokenImage as error:
      raise BrokenImage(f'{path} ({error})') from None

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
    files = digest('\n'.join(lines).encode())
    return f'{os.path.abspath(self._root)} {self.shape} {files}'


def folder(config) -> Dataset:
  """All images below a folder, their central squares resized.

  Where the folder has a sub-folder 'train' and one of 'test', 'validation' and
  'val', those are the splits; the first of these three is for testing and the
  others are for whoever asks for them. Else a part is held out, chosen by hash
  of the paths, so that no file has to be read for it.

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
  splits = {path.split(os.sep)[0] for path in paths if os.sep in path}
  named = [name for name in _TEST_FOLDERS if name in splits]
  depth, more = 0, {}
  if 'train' in splits and named:
    depth = 1
    train, test = (
      [path for path in paths if path.startswith(name + os.sep)]
      for name in ('train', named[0])
    )
    # By hash: part of the test images stands for all of them.
    test.sort(key=lambda path: digest(path.encode()))
    more = {
      name: [path for path in paths if path.startswith(name + os.sep)]
      for name in named[1:]
    }
  else:
    train, test = (
      [paths[number] for number in numbers]
      for numbers in held_out(
        [path.encode() for path in paths], config.test_fraction
      )
    )
    train.sort()
  classes = {
    parts[depth] if len(parts := path.split(os.sep)) > depth + 1 else ''
    for path in itertools.chain(train, test, *more.values())
  }
  classes = [] if '' in classes else sorted(classes)
  warnings = []
  if others:
    names = ', '.join(others[:5]) + (', ...' if len(others) > 5 else '')
    warnings.append(
      f'skipped {len(others)} of {len(others) + len(paths)} files below '
      f'{root}, which are not named as images: {names}'
    )
  train, test, *more_files = (
    _Files(root, split, classes, depth, config.image_size)
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
