"""Decoded images, kept in memory or in a memory-mapped file."""

import concurrent.futures
import contextlib
import fcntl
import os
import pathlib
import sys
from collections.abc import Iterable, Iterator

import numpy as np
import tqdm

from ..errors import UserError
from ..progress import tracked
from .pixels import BrokenImage
from .sources import Source, digest

__all__ = ['Reader', 'needed_bytes', 'read_all', 'tell', 'write_file']

_MAX_BROKEN = 100  # broken images in a row before reading fails
_CHUNK = 256  # images that are decoded together


class Reader:
  """Reads training images by index and decodes each only once if possible.

  If the decoded images of the split, N * H * W * C bytes, take at most
  `config.cache_mb` MiB, each worker keeps the images that it has decoded, which
  are all of them after some epochs. Otherwise no images are kept in memory.
  They are read from a memory-mapped file in `config.cache_dir`, which the page
  cache of the system holds as far as it has room; without that folder, they are
  decoded at each use.

  One worker of each machine decodes all images and writes the file, while the
  others wait for a lock. Later runs use the same file.

  A broken image is reported once on stderr, and the next intact image is used
  instead. Which one is used depends only on the files.

  Args:
    source: The images.
    config: The `data` section of a configuration.

  Raises:
    UserError: If the first images are all broken, or the file cannot be
      written.
  """

  def __init__(self, source: Source, config):
    self._source = source
    self._reported = set()
    self._images = self._is_decoded = None
    threads = _threads()
    self._pool = (
      concurrent.futures.ThreadPoolExecutor(threads) if threads > 1 else None
    )
    if source.is_ready:
      return
    self._intact(0)
    size = needed_bytes(source)
    if size <= config.cache_mb * 2**20:
      # Pages take no memory before they are written to.
      self._images = np.empty([len(source), *source.shape], np.uint8)
      self._is_decoded = np.zeros([len(source)], bool)
    elif config.cache_dir:
      self._images = write_file(
        config.cache_dir,
        source.identity(),
        (len(source), *source.shape),
        self._all_intact,
      )

  def read(self, numbers: np.ndarray) -> np.ndarray:
    """Returns images.

    Args:
      numbers: int64 [n], the indices of the images.

    Returns:
      uint8 [n, H, W, C].
    """
    if self._source.is_ready:
      return self._source.read(numbers)
    if self._images is None:
      return np.stack(list(self._map(self._intact, numbers)))
    if self._is_decoded is not None:
      missing = np.unique(numbers[~self._is_decoded[numbers]])
      for number, image in zip(
        missing, self._map(self._intact, missing), strict=True
      ):
        self._images[number] = image
      self._is_decoded[missing] = True
    return np.asarray(self._images[numbers])

  def _map(self, function, numbers):
    return (self._pool.map if self._pool else map)(function, numbers)

  def _all_intact(self):
    for start in range(0, len(self._source), _CHUNK):
      numbers = range(start, min(start + _CHUNK, len(self._source)))
      yield from self._map(self._intact, numbers)

  def _intact(self, number):
    """Returns an image, or the next intact one if it is broken."""
    total = len(self._source)
    for following in range(number, number + min(total, _MAX_BROKEN)):
      try:
        return self._source.image(following % total)
      except BrokenImage as error:
        if following % total not in self._reported:
          self._reported.add(following % total)
          tell(f'Using the next image instead of a broken one: {error}.')
    raise UserError(
      f'config.data: {min(total, _MAX_BROKEN)} images in a row cannot be '
      'decoded; see the messages above.'
    )


def read_all(source: Source) -> tuple[np.ndarray, np.ndarray | None]:
  """Reads all images of a split; leaves out and reports the broken ones.

  Args:
    source: The images.

  Returns:
    (uint8 [N, H, W, C], int64 [N] or [N, A] labels or None).

  Raises:
    UserError: If all images are broken.
  """
  if source.is_ready:
    return source.read(np.arange(len(source))), source.labels()
  images = np.empty([len(source), *source.shape], np.uint8)
  intact = np.ones([len(source)], bool)
  for number, image in enumerate(
    tracked(source, len(source), 'decoded {} images')
  ):
    if isinstance(image, BrokenImage):
      intact[number] = False
      tell(f'Left out a broken test image: {image}.')
    else:
      images[number] = image
  if not np.any(intact):
    raise UserError(
      'config.data: none of the test images can be decoded; see the messages '
      'above.'
    )
  labels = source.labels()
  if not np.all(intact):
    images, labels = images[intact], None if labels is None else labels[intact]
  return images, labels


def needed_bytes(source: Source) -> int:
  """Returns the number of bytes of the decoded images of a split."""
  return len(source) * int(np.prod(source.shape))


def write_file(
  folder: str, identity: str, shape: tuple[int, ...], images
) -> np.ndarray:
  """Maps a file of images into memory; writes the file if it is missing.

  It is written under a temporary name and then renamed, so an existing file is
  complete.

  Args:
    folder: Folder of the file, which is made if it is missing.
    identity: Text that differs if the images do.
    shape: [N, H, W, C].
    images: Function that returns an iterable over N images uint8 [H, W, C].

  Returns:
    uint8 [N, H, W, C], memory-mapped.

  Raises:
    UserError: If the file cannot be written.
  """
  path = pathlib.Path(folder, f'images-{digest(identity.encode())}.npy')
  temporary = path.with_suffix('.tmp')
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.with_suffix('.lock')):
      if not path.exists():
        _write(temporary, shape, images())
        os.replace(temporary, path)
  except OSError as error:
    # This also frees the space on a full disk; the next try starts again.
    with contextlib.suppress(OSError):
      temporary.unlink()
    raise UserError(
      f'config.data.cache_dir: {path} of {np.prod(shape) / 2**20:.0f} MiB '
      f'cannot be written ({error.strerror}); name a folder with enough space.'
    ) from None
  return np.load(path, mmap_mode='r')


def _write(path, shape, images: Iterable[np.ndarray]):
  with open(path, 'wb') as file:
    header = {'descr': '|u1', 'fortran_order': False, 'shape': tuple(shape)}
    np.lib.format.write_array_header_1_0(file, header)
    for image in tracked(images, shape[0], 'cached {} images'):
      file.write(np.ascontiguousarray(image).data)
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def _locked(path) -> Iterator[None]:
  """Holds the lock of a file; waits for other processes of the machine."""
  with open(path, 'w') as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    yield


def _threads():
  """Returns the number of cores of the machine per worker, at most 16."""
  workers = int(os.environ.get('HOROVOD_LOCAL_SIZE', '1'))
  return min(16, max(1, len(os.sched_getaffinity(0)) // workers))


def tell(sentence: str) -> None:
  """Prints a sentence to stderr, above a progress bar."""
  tqdm.tqdm.write(sentence, file=sys.stderr)
