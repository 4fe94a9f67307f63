"""Images of one split by their number, and how files become uint8 pixels."""

import abc
import contextlib
import hashlib
import os
from collections.abc import Iterator

import numpy as np
import PIL.Image
import PIL.ImageOps

from training.errors import UserError

__all__ = [
  'ArraySource',
  'BrokenImage',
  'Source',
  'decode',
  'digest',
  'fit',
  'printable',
  'to_pixels',
]


class BrokenImage(Exception):
  """An image that cannot be decoded; the message says which and why."""


class Source(abc.ABC):
  """The images of one split.

  Attributes:
    shape: (H, W, C) of all images.
    is_ready: whether nothing has to be decoded or resized, so that a cache
      would gain nothing.
  """

  shape: tuple[int, int, int]
  is_ready = False

  @abc.abstractmethod
  def __len__(self) -> int:
    """The number of images."""

  @abc.abstractmethod
  def image(self, number: int) -> np.ndarray:
    """One image, uint8 [H, W, C]; raises `BrokenImage`."""

  def read(self, numbers: np.ndarray) -> np.ndarray:
    """Some images, uint8 [n, H, W, C]; raises `BrokenImage`."""
    return np.stack([self.image(number) for number in numbers])

  def __iter__(self) -> Iterator[np.ndarray | BrokenImage]:
    """All images in order; an error stands in the place of a broken one."""
    for number in range(len(self)):
      try:
        yield self.image(number)
      except BrokenImage as error:
        yield error

  def at_random(self, config) -> 'Source':
    """The same images, to be read in any order; may take long, and memory.

    Args:
      config: the `data` part of a configuration.

    Returns:
      `Source`.
    """
    del config
    return self

  def labels(self) -> np.ndarray | None:
    """int64 [N] or [N, A]; None where images have none."""
    return None

  @abc.abstractmethod
  def identity(self) -> str:
    """A text that differs where the images do: names their cache file."""


class ArraySource(Source):
  """Images of an array, in memory or memory-mapped.

  Args:
    array: uint8 [M, H, W, C].
    size: height and width to give them; None: as they are.
    numbers: which of them; None: all.
    labels: int64 [M], or None.
    identity: names the array.
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
    """One image, uint8 [H, W, C]."""
    image = np.asarray(self._array[self._numbers[number]])
    return image if self.is_ready else fit(image, self._size)

  def read(self, numbers):
    """Some images, uint8 [n, H, W, C]."""
    if self.is_ready:
      return np.asarray(self._array[self._numbers[numbers]])
    return super().read(numbers)

  def labels(self):
    """int64 [N] or None."""
    return None if self._labels is None else self._labels[self._numbers]

  def identity(self):
    """Names the array and what is taken of it."""
    return f'{self._identity} {self.shape} {digest(self._numbers.tobytes())}'


def digest(content: bytes) -> str:
  """A short name for a content."""
  return hashlib.sha256(content).hexdigest()[:16]


def printable(path: str) -> str:
  """A path with '?' for the bytes of its name that are no text."""
  return os.fsencode(path).decode(errors='replace').replace('\ufffd', '?')


def decode(file, channels: int = 3, upright: bool = False) -> np.ndarray:
  """The pixels of an image file.

  Sixteen bits become the upper eight, an alpha channel is dropped, grey is
  repeated, of an animation the first picture is taken.

  Args:
    file: path, or open binary file.
    channels: 1 or 3.
    upright: whether to turn it as its EXIF says, where that can be read.

  Returns:
    uint8 [H, W, channels].

  Raises:
    BrokenImage: if it cannot be decoded, or only in part.
  """
  try:
    with PIL.Image.open(file) as image:
      image.load()
      if upright:
        with contextlib.suppress(Exception):  # of EXIF that is damaged
          image = PIL.ImageOps.exif_transpose(image)
      return to_pixels(image, channels)
  except Exception as error:  # decoders raise all kinds of them
    raise BrokenImage(str(error) or type(error).__name__) from None


def to_pixels(image: PIL.Image.Image, channels: int = 3) -> np.ndarray:
  """The pixels of an open image, converted as `decode` says.

  Args:
    image: of any mode but floating-point pixels, which raise `ValueError`.
    channels: 1 or 3.

  Returns:
    uint8 [H, W, channels].
  """
  if image.mode == 'F':
    raise ValueError('its pixels are floating-point numbers')
  if image.mode.startswith('I'):
    grey = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255)
    pixels = np.repeat(grey[..., np.newaxis], channels, axis=-1)
    return pixels.astype(np.uint8)
  pixels = np.asarray(image.convert('L' if channels == 1 else 'RGB'))
  return pixels.reshape([*pixels.shape[:2], channels])


def fit(
  image: np.ndarray, size: int, crop: int = 0, pad: bool = False
) -> np.ndarray:
  """The central square of an image, resized to the mean of the areas.

  Args:
    image: uint8 [H, W, C].
    size: height and width of the result.
    crop: side of the square, at most; 0: as large as the image has.
    pad: whether a square below `size` gets a black frame, and is not enlarged.

  Returns:
    uint8 [size, size, C].

  Raises:
    UserError: if the number of channels is neither 1 nor 3, and it is resized.
  """
  height, width, channels = image.shape
  side = min(height, width, crop or max(height, width))
  top, left = (height - side) // 2, (width - side) // 2
  square = image[top : top + side, left : left + side]
  if side == size:
    return square
  if pad and side < size:
    frame = ((size - side) // 2, size - side - (size - side) // 2)
    return np.pad(square, [frame, frame, (0, 0)])
  if channels not in (1, 3):
    raise UserError(
      f'images of {side} pixels a side and {channels} channels cannot be '
      f'resized to config.data.image_size {size}; 1 and 3 channels can.'
    )
  picture = PIL.Image.fromarray(square[..., 0] if channels == 1 else square)
  resized = picture.resize((size, size), PIL.Image.Resampling.BOX)
  return np.asarray(resized).reshape([size, size, channels])
