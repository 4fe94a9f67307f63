"""Conversion of image files to uint8 pixels."""

import contextlib

import numpy as np
import PIL.Image
import PIL.ImageOps

from ..errors import UserError

__all__ = [
  'BrokenImage',
  'decode',
  'file_bits',
  'fit',
  'to_pixels',
]

# Brighter images use at least a quarter of the levels of 8 bits.
_DARKEST = 64


class BrokenImage(Exception):
  """An image that cannot be decoded; the message says which and why."""


def decode(file, channels: int = 3, upright: bool = False) -> np.ndarray:
  """Returns the pixels of an image file.

  The upper eight of 12 or 16 bits are kept, an alpha channel is dropped, gray
  is repeated for three channels, and of an animation the first frame is used.

  Args:
    file: Path, or open binary file.
    channels: 1 or 3.
    upright: Whether to apply the EXIF orientation. Damaged EXIF data are
      ignored.

  Returns:
    uint8 [H, W, channels].

  Raises:
    BrokenImage: If the file cannot be decoded, or only in part, or if its
      pixels have no 8-bit equivalent.
  """
  try:
    with PIL.Image.open(file) as image:
      return to_pixels(image, channels, upright)
  except Exception as error:  # decoders raise exceptions of any type
    raise BrokenImage(str(error) or type(error).__name__) from None


def file_bits(image: PIL.Image.Image) -> int:
  """Returns the bits per channel of an image that was opened, not loaded.

  Args:
    image: Open image.

  Returns:
    8 also for fewer bits, and for floating-point pixels; 32 also for integers
    with a sign, whose range is not known either.
  """
  if image.mode == 'I':
    # Some versions of Pillow open files with 16 bits in this mode.
    return 16 if image.format in ('PNG', 'PPM') else 32
  # Pillow drops the lower eight of 16 bits of color. Only the arguments of its
  # decoder show how many the file has.
  arguments = ' '.join(str(part[3]) for part in image.tile)
  if ';12' in arguments:
    return 12
  return 16 if image.mode.startswith('I') or ';16' in arguments else 8


def to_pixels(
  image: PIL.Image.Image, channels: int = 3, upright: bool = False
) -> np.ndarray:
  """Returns the pixels of an open image, converted as by `decode`.

  Args:
    image: Open image, not loaded.
    channels: 1 or 3.
    upright: See `decode`.

  Returns:
    uint8 [H, W, channels].

  Raises:
    ValueError: If the pixels are floating-point numbers or 32-bit integers, or
      if 8 bits would keep few of their levels.
  """
  bits = file_bits(image)
  if image.mode == 'F':
    raise ValueError('its pixels are floating-point numbers')
  if bits == 32:
    raise ValueError(
      'its pixels are integers of 32 bits or with a sign, whose range is not '
      'known; save it with 8 or 16 bits per channel'
    )
  image.load()
  if upright:
    with contextlib.suppress(Exception):  # damaged EXIF data
      image = PIL.ImageOps.exif_transpose(image)
  if image.mode.startswith('I'):
    gray = np.minimum(np.asarray(image) >> (bits - 8), 255).astype(np.uint8)
    pixels = np.repeat(gray[..., np.newaxis], channels, axis=-1)
  else:
    pixels = np.asarray(image.convert('L' if channels == 1 else 'RGB'))
    pixels = pixels.reshape([*pixels.shape[:2], channels])
  if bits > 8 and np.max(pixels) < _DARKEST:
    raise ValueError(
      f'its pixels use {np.max(pixels) + 1} of the 256 upper values of {bits} '
      f'bits; scale them to 0 to {2**bits - 1}, or save it with 8 bits per '
      'channel'
    )
  return pixels


def fit(
  image: np.ndarray, height: int, width: int, crop: int = 0, pad: bool = False
) -> np.ndarray:
  """Crops an image to its center and resizes it by averaging areas.

  The crop is the largest central part with the proportions of the result.

  Args:
    image: uint8 [H, W, C].
    height: Height of the result.
    width: Width of the result.
    crop: Largest height and width of the crop; 0 for no limit.
    pad: Whether a crop that is smaller than the result gets a black frame
      instead of being enlarged.

  Returns:
    uint8 [height, width, C].

  Raises:
    UserError: If the image must be resized and has neither 1 nor 3 channels.
  """
  channels = image.shape[-1]
  rows, columns = (min(size, crop or size) for size in image.shape[:2])
  rows, columns = (
    min(rows, columns * height // width or 1),
    min(columns, rows * width // height or 1),
  )
  top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
  image = image[top : top + rows, left : left + columns]
  margins = (height - rows, width - columns)
  if not any(margins):
    return image
  if pad and min(margins) > 0:
    frame = [(margin // 2, margin - margin // 2) for margin in margins]
    return np.pad(image, [*frame, (0, 0)])
  if channels not in (1, 3):
    raise UserError(
      f'images of {columns}x{rows} pixels and {channels} channels cannot be '
      f'resized to {width}x{height} (config.data.image_size); only images of '
      '1 or 3 channels can.'
    )
  picture = PIL.Image.fromarray(image[..., 0] if channels == 1 else image)
  resized = picture.resize((width, height), PIL.Image.Resampling.BOX)
  return np.asarray(resized).reshape([height, width, channels])
