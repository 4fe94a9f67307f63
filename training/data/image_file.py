"""Reads an image file of a user as the pixels that a flow takes."""

import io
import os
import warnings

import numpy as np
import PIL.Image

from ..errors import UserError
from .pixels import file_bits, fit, to_pixels

__all__ = ['MOST_PIXELS', 'read_image']

MOST_PIXELS = 100 * 10**6  # larger images are rejected before they are decoded

_KINDS = {1: 'gray', 3: 'color'}


def read_image(
  source,
  image_shape,
  resize: bool = False,
  convert: bool = False,
  name: str | None = None,
) -> np.ndarray:
  """Reads an image file as the pixels that a flow takes.

  An image that fits is only turned according to its EXIF orientation: it then
  has the height and width of the flow, it has 8 bits per channel, and is gray
  for one channel and color for three. An image with a palette is a color image.
  Of an animation the first frame is used. Pixels are only changed on request,
  and all is done as for training images; see `pixels.py`. Size and kind are
  checked before any pixel is decoded.

  Args:
    source: Path of the file, or its content as bytes.
    image_shape: [H, W, C] of the flow, C 1 or 3.
    resize: Whether to accept images of another size. The largest central part
      with the proportions of the flow is resized by averaging areas.
    convert: Whether to accept images of another kind: the upper eight of 12 or
      16 bits are kept, gray is repeated, color is converted to gray, and an
      alpha channel that is opaque everywhere is dropped.
    name: Name of the image for messages. None uses the path, if there is one.

  Returns:
    uint8 [H, W, C].

  Raises:
    UserError: If it is not an image, is truncated, or does not fit.
  """
  is_path = isinstance(source, str | os.PathLike)
  if name is None:
    name = os.fspath(source) if is_path else 'the image'
  height, width, channels = (int(size) for size in image_shape)
  if channels not in _KINDS:
    raise UserError(
      f'{name} cannot be used, because this flow takes images of {channels} '
      'channels and image files have 1 or 3.'
    )
  if isinstance(source, bytes | bytearray | memoryview):
    source = io.BytesIO(source)
  if is_path and _is_pipe(source):
    raise UserError(f'{name} is a pipe or a device; name an image file.')
  with _open(source, name) as image:
    _check_number(image, name)
    if not resize and (image.height, image.width) != (width, height):
      # If it may only be turned, it must be decoded first.
      _check_size(image.height, image.width, name, height, width)
    _check_kind(image, name, channels, convert)
    try:
      pixels = to_pixels(image, channels, upright=True)
      alpha = image.has_transparency_data and image.convert('RGBA')
    except Exception as error:  # decoders raise exceptions of any type
      reason = str(error) or type(error).__name__
      raise UserError(f'{name} cannot be decoded: {reason}.') from None
  if alpha and np.min(np.asarray(alpha)[..., 3]) < 255:
    raise UserError(
      f'{name} has transparent pixels, whose color is undefined; put it on a '
      'background first.'
    )
  if resize:
    return fit(pixels, height, width)
  _check_size(*pixels.shape[:2], name, height, width)
  return pixels


def _open(source, name):
  """Reads the header of the image; decodes nothing."""
  try:
    with warnings.catch_warnings():
      # `_check_number` reports too many pixels.
      warnings.simplefilter('ignore', PIL.Image.DecompressionBombWarning)
      return PIL.Image.open(source)
  except PIL.UnidentifiedImageError:
    raise UserError(
      f'{name} is not a readable image, such as a PNG or JPEG file.'
    ) from None
  except PIL.Image.DecompressionBombError:
    raise UserError(
      f'{name} has more than {MOST_PIXELS // 10**6} million pixels and is not '
      'decoded.'
    ) from None
  except OSError as error:
    raise UserError(
      f'{name} cannot be read: {error.strerror or error}.'
    ) from None
  except Exception as error:  # a damaged header
    raise UserError(f'{name} cannot be decoded: {error}.') from None


def _is_pipe(path):
  """Returns whether opening a path could wait without end."""
  return os.path.exists(path) and not (
    os.path.isfile(path) or os.path.isdir(path)
  )


def _check_number(image, name):
  if image.width * image.height > MOST_PIXELS:
    raise UserError(
      f'{name} has {_size(image.height, image.width)}, more than '
      f'{MOST_PIXELS // 10**6} million, and is not decoded.'
    )


def _check_size(rows, columns, name, height, width):
  if (rows, columns) != (height, width):
    raise UserError(
      f'{name} has {_size(rows, columns)}, but this flow takes '
      f'{width}x{height}; resize it, or use --resize.'
    )


def _size(rows, columns):
  return f'{columns}x{rows} pixels (width x height)'


def _check_kind(image, name, channels, convert):
  wrong = None
  if image.mode == 'F':
    raise UserError(
      f'{name} has floating-point pixels, but this flow takes 8 bits per '
      'channel.'
    )
  if file_bits(image) > 8:
    wrong = 'has more than 8 bits per channel'
  elif image.has_transparency_data:
    wrong = 'has an alpha channel'
  elif (image.mode in ('1', 'L')) != (channels == 1):
    wrong = f'is {_KINDS[4 - channels]}'
  if wrong and not convert:
    raise UserError(
      f'{name} {wrong}, but this flow takes {_KINDS[channels]} images of 8 '
      'bits per channel without alpha; convert it, or use --convert.'
    )
