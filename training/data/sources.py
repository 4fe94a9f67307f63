"""The images of one split, read by index."""

import abc
import hashlib
from collections.abc import Iterator

import numpy as np

from .pixels import BrokenImage, fit

__all__ = ['ArraySource', 'Source', 'digest']

_COMPARED = 16  # images that the fingerprint of an array reads


class Source(abc.ABC):
  """The images of one split.

  Attributes:
    shape: (H, W, C) of each image.
    is_ready: Whether no image must be decoded or resized, so that a cache is
      of no use.
  """

  shape: tuple[int, int, int]
  is_ready = False

  @abc.abstractmethod
  def __len__(self) -> int:
    """Returns the number of images."""

  @abc.abstractmethod
  def image(self, number: int) -> np.ndarray:
    """Returns one image, uint8 [H, W, C]; may raise `BrokenImage`."""

  def read(self, numbers: np.ndarray) -> np.ndarray:
    """Returns images, uint8 [n, H, W, C]; may raise `BrokenImage`."""
    return np.stack([self.image(number) for number in numbers])

  def __iter__(self) -> Iterator[np.ndarray | BrokenImage]:
    """Yields all images in order, and a `BrokenImage` for each broken one."""
    for number in range(len(self)):
      try:
        yield self.image(number)
      except BrokenImage as error:
        yield error

  def at_random(self, config) -> 'Source':
    """Returns a source that reads the same images in any order.

    This may take long and use memory for all images.

    Args:
      config: The `data` section of a configuration.

    Returns:
      `Source`.
    """
    del config
    return self

  def labels(self) -> np.ndarray | None:
    """Returns int64 [N] or [N, A]; None if there are no labels."""
    return None

  @abc.abstractmethod
  def identity(self) -> str:
    """Returns a text that differs if the images do, for their cache file."""

  def fingerprint(self) -> str:
    """Returns a text that differs if the images do, wherever they are.

    It is fast to compute, so it may miss some changes; '' if not known.
    """
    return ''


class ArraySource(Source):
  """The images of an array, in memory or memory-mapped.

  Args:
    array: uint8 [M, H, W, C].
    size: Height and width of the images. Other images are cropped and resized.
      None keeps them unchanged.
    numbers: int64 [N], the indices of the images to use. None uses all.
    labels: int64 [M], or None.
    identity: Text that identifies the array.
  """

  def __init__(
    self, array, size=None, numbers=None, labels=None, identity='array'
  ):
    self._array, self._size, self._labels = array, size, labels
    self._numbers = np.arange(len(array)) if numbers is None else numbers
    self._identity = identity
    height, width, channels = array.shape[1:]
    self.is_ready = size is None or (height, width) == (size, size)
    self.shape = array.shape[1:] if self.is_ready else (size, size, channels)

  def __len__(self):
    return len(self._numbers)

  def image(self, number):
    """Returns one image, uint8 [H, W, C]."""
    image = np.asarray(self._array[self._numbers[number]])
    return image if self.is_ready else fit(image, self._size, self._size)

  def read(self, numbers):
    """Returns images, uint8 [n, H, W, C]."""
    if self.is_ready:
      return np.asarray(self._array[self._numbers[numbers]])
    return super().read(numbers)

  def labels(self):
    """Returns int64 [N], or None."""
    return None if self._labels is None else self._labels[self._numbers]

  def identity(self):
    """Returns a text that identifies the array and the images used."""
    return f'{self._identity} {self.shape} {digest(self._numbers.tobytes())}'

  def fingerprint(self):
    """Returns a hash of the shape of the array and of some images."""
    some = self._numbers[:: max(1, len(self._numbers) // _COMPARED)]
    shape = str(self._array.shape).encode()
    return digest(shape + np.ascontiguousarray(self._array[some]).tobytes())


def digest(content: bytes) -> str:
  """Returns a short hash of bytes."""
  return hashlib.sha256(content).hexdigest()[:16]
