"""A folder of image files."""

import itertools
import os

import numpy as np

from ...errors import UserError
from ..dataset import Dataset, held_out, shuffled_dataset
from ..files import files_below, printable
from ..pixels import BrokenImage, decode, fit
from ..sources import Source, digest

__all__ = ['folder']

_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.gif', '.webp', '.tif', '.tiff')
_TEST_FOLDERS = ('test', 'validation', 'valid', 'val')


class _Files(Source):
  """Image files whose central squares are resized.

  Args:
    root: The folder.
    paths: Paths of the files, relative to the folder.
    classes: Names of the classes; empty if there are none.
    depth: Position of the name of the class in a path.
    shape: (H, W, C) of each image, H = W, C 1 or 3.
  """

  def __init__(self, root, paths, classes, depth, shape):
    self._root, self._paths = root, paths
    self._classes, self._depth, self.shape = classes, depth, shape

  def __len__(self):
    return len(self._paths)

  def image(self, number):
    """Returns one image, uint8 [H, W, C]; may raise `BrokenImage`."""
    path = os.path.join(self._root, self._paths[number])
    try:
      pixels = decode(path, self.shape[-1], upright=True)
      return fit(pixels, *self.shape[:2])
    except BrokenImage as error:
      raise BrokenImage(f'{printable(path)} ({error})') from None

  def labels(self):
    """Returns int64 [N], the index of the class in the sorted names."""
    if not self._classes:
      return None
    places = {name: place for place, name in enumerate(self._classes)}
    return np.array(
      [places[path.split(os.sep)[self._depth]] for path in self._paths],
      np.int64,
    )

  def identity(self):
    """Returns a text with a hash of the names, sizes and times of the files."""
    files = self._digest(lambda status: (status.st_size, status.st_mtime_ns))
    return f'{os.path.abspath(self._root)} {self.shape} upright, bits {files}'

  def fingerprint(self):
    """Returns a hash of the relative paths and sizes of the files."""
    return self._digest(lambda status: (status.st_size,))

  def _digest(self, properties):
    lines = []
    for path in self._paths:
      try:
        status = os.stat(os.path.join(self._root, path))
      except OSError:  # a link to nothing
        lines.append(path)
      else:
        lines.append(' '.join(map(str, (path, *properties(status)))))
    return digest(os.fsencode('\n'.join(lines)))


def folder(config) -> Dataset:
  """Loads all images in a folder and its sub-folders.

  The images are turned according to their EXIF orientation, their central
  squares are resized, and they are gray if `config.channels` is 1; see
  `pixels.decode`.

  If the folder has a sub-folder 'train' and at least one of 'test',
  'validation', 'valid' and 'val', in upper or lower case, these are the splits.
  The first of them, in this order, has the test images; the others can be used
  by name. Without any of the four, a part of the images is held out for
  testing. It is chosen by a hash of the paths, so no file must be read for it.

  If all images are in sub-folders of the splits, or of the folder if it has no
  splits, the first level of these are the classes. A label is the index of the
  class in alphabetical order. When a broken image is replaced in training, its
  label is kept.

  Args:
    config: The `data` section of a configuration.

  Returns:
    `Dataset`.

  Raises:
    UserError: If there are no images, or if there is a folder of test images
      but no 'train'.
  """
  root = config.dir
  paths, others = _list(root)
  if not paths:
    found = f'none of the {len(others)} files in {root} has the suffix'
    if not others:
      found = f'{root} holds no files; name a folder of files with the suffix'
    raise UserError(f'{found} of an image ({", ".join(_SUFFIXES)}).')
  splits = {
    name: [path for path in paths if _split(path) == name]
    for name in ('train', *_TEST_FOLDERS)
  }
  splits = {name: found for name, found in splits.items() if found}
  warnings = []
  depth, more = 0, {}
  if splits.keys() - {'train'}:
    depth = 1
    if 'train' not in splits:
      name = next(iter(splits))
      raise UserError(
        f"{root} has a sub-folder {name!r} but none named 'train'; put the "
        f"training images into a sub-folder 'train', or rename {name!r} if it "
        'does not hold test images.'
      )
    train = splits.pop('train')
    test = splits.pop(next(iter(splits)))
    # In the order of a hash, so that the first test images represent
    # all of them.
    test.sort(key=lambda path: digest(os.fsencode(path)))
    more = splits
    unused = len(paths) - len(train) - len(test) - sum(map(len, more.values()))
    if unused:
      warnings.append(
        f'{unused} of {len(paths)} images in {root} are in none of its splits '
        'and are not used'
      )
  else:
    train, test = (
      [paths[number] for number in numbers]
      for numbers in held_out(map(os.fsencode, paths), config.test_fraction)
    )
    train.sort()
  used = [*train, *test, *itertools.chain(*more.values())]
  names = [path.split(os.sep)[depth:-1] for path in used]
  classes = sorted({folders[0] for folders in names if folders})
  loose = names.count([])
  if classes and loose:
    classes = []
    warnings.append(
      f'the sub-folders of {root} are not used as classes, because {loose} of '
      f'{len(used)} images are in none of them'
    )
  if others:
    names = ', '.join(map(printable, others[:5])) + (
      ', ...' if len(others) > 5 else ''
    )
    warnings.append(
      f'skipped {len(others)} of {len(others) + len(paths)} files in {root} '
      f'that do not have the suffix of an image: {names}'
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
    num_classes=len(classes) or None,
  )


def _split(path):
  """Returns the first folder of a path in lower case, '' if there is none."""
  first, separator, _ = path.partition(os.sep)
  return first.lower() if separator else ''


def _list(root):
  """Returns (paths of images, paths of other files) below a folder."""
  images, others = [], []
  for path in files_below(root):
    is_image = path.lower().endswith(_SUFFIXES)
    (images if is_image else others).append(path)
  return images, others
