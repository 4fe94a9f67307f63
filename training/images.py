"""Reads a user's image for a flow, or says in one sentence why it cannot."""

import io
import os
import warnings

import numpy as np
import PIL.Image
import PIL.ImageOps

from training.datasets.sources import to_pixels
from training.errors import UserError

__all__ = ['MOST_PIXELS', 'read_image']

MOST_PIXELS = 100 * 10**6  # an image of more is refused before it is decoded

_KINDS = {1: 'grey', 3: 'colour'}


def read_image(
  source,
  image_shape,
  resize: bool = False,
  convert: bool = False,
  name: str | None = None,
) -> np.ndarray:
  """An image file as the pixels that a flow takes.

  An image that fits is taken as it is: the flow's height and width, 8 bits,
  grey for one channel and colour for three. A palette of colours is colour, and
  of an animation the first picture is taken. All that would change pixels is
  done on request alone, and then as for training images (`datasets.sources`).
  Size and kind are looked at before any pixel is decoded.

  Args:
    source: path of the file, or its bytes.
    image_shape: [H, W, C] of the flow, C 1 or 3.
    resize: whether to turn an image of another size as its EXIF says, and to
      resize its largest central part of the flow's proportions to the mean of
      the areas.
    convert: whether to take the upper eight bits of 16, to repeat grey, to make
      colours grey, and to drop an alpha channel that is opaque everywhere.
    name: what to call the image in a message; its path where it has one.

  Returns:
    uint8 [H, W, C].

  Raises:
    UserError: if it is no image, is cut short, or does not fit.
  """
  if name is None:
    is_path = isinstance(source, str | os.PathLike)
    name = os.fspath(source) if is_path else 'the image'
  height, width, channels = (int(size) for size in image_shape)
  if channels not in _KINDS:
    raise UserError(
      f'this flow takes images of {channels} channels, which {name} cannot '
      'have: image files have 1 or 3.'
    )
  if isinstance(source, bytes | bytearray | memoryview):
    source = io.BytesIO(source)
  with _open(source, name) as image:
    _check_size(image, name, height, width, resize)
    _check_kind(image, name, channels, convert)
    try:
      alpha = image.has_transparency_data and image.convert('RGBA')
      if resize:
        image = PIL.ImageOps.exif_transpose(image)
      pixels = to_pixels(image, channels)
    except Exception as error:  # decoders raise all kinds of them
      reason = str(error) or type(error).__name__
      raise UserError(f'{name} cannot be decoded: {reason}.') from None
  if alpha and np.min(np.asarray(alpha)[..., 3]) < 255:
    raise UserError(
      f'{name} has transparent pixels, whose colour is not known: lay it on a '
      'background first.'
    )
  return _fit(pixels, height, width) if resize else pixels


def _open(source, name):
  """The image's header, with nothing decoded."""
  try:
    with warnings.catch_warnings():
      # Of many pixels, which `_check_size` answers.
      warnings.simplefilter('ignore', PIL.Image.DecompressionBombWarning)
      return PIL.Image.open(source)
  except PIL.UnidentifiedImageError:
    raise UserError(
      f'{name} is no image that can be read, such as a PNG or JPEG file.'
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
  except Exception as error:  # of a damaged header
    raise UserError(f'{name} cannot be decoded: {error}.') from None


def _check_size(image, name, height, width, resize):
  size = f'{image.width}x{image.height} pixels (width x height)'
  if image.width * image.height > MOST_PIXELS:
    raise UserError(
      f'{name} has {size}, more than {MOST_PIXELS // 10**6} million, and is '
      'not decoded.'
    )
  if not resize and (image.height, image.width) != (height, width):
    raise UserError(
      f'{name} has {size}; this flow takes {width}x{height}: resize it, or ask '
      'for it by --resize.'
    )


def _check_kind(image, name, channels, convert):
  wrong = None
  # Of 16 bits of colour Pillow drops the lower eight; only its decoder's
  # argument tells.
  if image.mode.startswith('I') or any(
    ';16' in str(part[3]) for part in image.tile
  ):
    wrong = 'has more than 8 bits a channel'
  elif image.mode == 'F':
    raise UserError(
      f'{name} has floating-point pixels; this flow takes 8 bits a channel.'
    )
  elif image.has_transparency_data:
    wrong = 'has an alpha channel'
  elif (image.mode in ('1', 'L')) != (channels == 1):
    wrong = f'is {_KINDS[4 - channels]}'
  if wrong and not convert:
    raise UserError(
      f'{name} {wrong}; this flow takes {_KINDS[channels]} images of 8 bits a '
      'channel without alpha: convert it, or ask for it by --convert.'
    )


def _fit(pixels, height, width):
  rows, columns, channels = pixels.shape
  crop = (min(rows, columns * height // width or 1),)
  crop += (min(columns, rows * width // height or 1),)
  top, left = (rows - crop[0]) // 2, (columns - crop[1]) // 2
  pixels = pixels[top : top + crop[0], left : left + crop[1]]
  if pixels.shape[:2] == (height, width):
    return pixels
  picture = PIL.Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
  resized = picture.resize((width, height), PIL.Image.Resampling.BOX)
  return np.asarray(resized).reshape([height, width, channels])
