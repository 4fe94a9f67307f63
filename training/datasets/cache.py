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

from training.datasets.sources import BrokenImage, Source, digest
from training.errors import UserError

__all__ = ['Reader', 'needed_bytes', 'read_all', 'tell', 'write_file']

_MAX_BROKEN = 100  # in a row, before an error ends the search for a whole one
_CHUNK = 256  # images that are decoded together


class Reader:
  """Training images by number, each decoded once where there is room.

  Memory, besides the batches': where the decoded images of the split,
  N * H * W * C bytes, are at most `config.cache_mb` MiB, each worker keeps the
  images that it has decoded, which come to all of them after some epochs.
  Beyond that nothing is kept in memory: images come from a memory-mapped file
  in `config.cache_dir`, of which the system's page cache holds what it has room
  for; without that folder they are decoded at each use.

  The file is written by one worker of a machine while the others wait for a
  lock on it. It is used by later runs too; one worker decodes all then.

  A broken image is told on stderr, once, and the next whole one is used in its
  place: which one, follows from the files alone.

  Args:
    source: the images.
    config: the `data` part of a configuration.

  Raises:
    UserError: if the first images are all broken, or the file cannot be
      written.
  """

  def __init__(self, source: Source, config):
    self._source = source
    self._told = set()
    self._images = self._is_decoded = None
    threads = _threads()
    self._pool = (
      concurrent.futures.ThreadPoolExecutor(threads) if threads > 1 else None
    )
    if source.is_ready:
      return
    self._whole(0)
    size = needed_bytes(source)
    if size <= config.cache_mb * 2**20:
      # Pages that are not written to take no memory yet.
      self._images = np.empty([len(source), *source.shape], np.uint8)
      self._is_decoded = np.zeros([len(source)], bool)
    elif config.cache_dir:
      self._images = write_file(
        config.cache_dir,
        source.identity(),
        (len(source), *source.shape),
        self._all,
      )

  def read(self, numbers: np.ndarray) -> np.ndarray:
    """Some images.

    Args:
      numbers: int64 [n].

    Returns:
      uint8 [n, H, W, C].
    """
    if self._source.is_ready:
      return self._source.read(numbers)
    if self._images is None:
      return np.stack(list(self._map(self._whole, numbers)))
    if self._is_decoded is not None:
      missing = np.unique(numbers[~self._is_decoded[numbers]])
      for number, image in zip(
        missing, self._map(self._whole, missing), strict=True
      ):
        self._images[number] = image
      self._is_decoded[missing] = True
    return np.asarray(self._images[numbers])

  def _map(self, function, numbers):
    return (self._pool.map if self._pool else map)(function, numbers)

  def _all(self):
    for start in range(0, len(self._source), _CHUNK):
      numbers = range(start, min(start + _CHUNK, len(self._source)))
      yield from self._map(self._whole, numbers)

  def _whole(self, number):
    """An image, or the next one that is not broken."""
    total = len(self._source)
    for following in range(number, number + min(total, _MAX_BROKEN)):
      try:
        return self._source.image(following % total)
      except BrokenImage as error:
        if following % total not in self._told:
          self._told.add(following % total)
          tell(f'The next image is used in place of a broken one: {error}.')
    raise UserError(
      f'config.data: {min(total, _MAX_BROKEN)} images in a row cannot be '
      'decoded; see the lines above.'
    )


def read_all(source: Source) -> tuple[np.ndarray, np.ndarray | None]:
  """All images of a split, without those that are broken, which are told.

  Args:
    source: the images.

  Returns:
    (uint8 [N, H, W, C], int64 [N] or [N, A] labels or None).

  Raises:
    UserError: if all are broken.
  """
  if source.is_ready:
    return source.read(np.arange(len(source))), source.labels()
  images = np.empty([len(source), *source.shape], np.uint8)
  whole = np.ones([len(source)], bool)
  for number, image in enumerate(source):
    if isinstance(image, BrokenImage):
      whole[number] = False
      tell(f'Left out a broken test image: {image}.')
    else:
      images[number] = image
  if not np.any(whole):
    raise UserError(
      'config.data: none of the test images can be decoded; see the lines '
      'above.'
    )
  labels = source.labels()
  if not np.all(whole):
    images, labels = images[whole], None if labels is None else labels[whole]
  return images, labels


def needed_bytes(source: Source) -> int:
  """What the decoded images of a split take."""
  return len(source) * int(np.prod(source.shape))


def write_file(
  folder: str, identity: str, shape: tuple[int, ...], images
) -> np.ndarray:
  """A memory-mapped file of images, written where it is not there yet.

  Under a temporary name first, then renamed: a file that is there is whole.

  Args:
    folder: where it lies, made where it is missing.
    identity: differs where the images do.
    shape: [N, H, W, C].
    images: a function that returns N uint8 [H, W, C] in order.

  Returns:
    uint8 [N, H, W, C].

  Raises:
    UserError: if it cannot be written.
  """
  path = pathlib.Path(folder, f'images-{digest(identity.encode())}.npy')
  temporary = path.with_suffix('.tmp')
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path.with_suffix('.lock')):
      if not path.exists():
        _write(temporary, shape, images())
        os.replace(temporary, path)
  except OSError as error:
    # Of one that is full, too: the next try begins anew.
    with contextlib.suppress(OSError):
      temporary.unlink()
    raise UserError(
      f'config.data.cache_dir: {path} of {np.prod(shape) / 2**20:.0f} MiB '
      f'cannot be written ({error.strerror}); name a folder with room for it.'
    ) from None
  return np.load(path, mmap_mode='r')


def _write(path, shape, images: Iterable[np.ndarray]):
  with open(path, 'wb') as file:
    header = {'descr': '|u1', 'fortran_order': False, 'shape': tuple(shape)}
    np.lib.format.write_array_header_1_0(file, header)
    for image in tqdm.tqdm(
      images, f'Writing {path.with_suffix(".npy")}', shape[0], unit='image'
    ):
      file.write(np.ascontiguousarray(image).data)
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def _alone(path) -> Iterator[None]:
  """Waits until no other process of the machine is here."""
  with open(path, 'w') as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    yield


def _threads():
  """A worker's share of the machine's cores."""
  workers = int(os.environ.get('HOROVOD_LOCAL_SIZE', '1'))
  return min(16, max(1, len(os.sched_getaffinity(0)) // workers))


def tell(sentence: str) -> None:
  """Prints to stderr, above a progress bar."""
  tqdm.tqdm.write(sentence, file=sys.stderr)
