"""PNG files of images: a single image, or rows of images with names."""

import io

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from ..errors import UserError
from .files import replace_file

__all__ = [
  'check_size',
  'encode_png',
  'tile',
  'viewable',
  'write_image',
  'write_rows',
]

_GAP, _TEXT = 4, 14  # pixels between images; height of letters
_BACKGROUND = 220  # light gray, on which white images are visible
_TILE = 96  # smallest width and height of an image, if no scale is given
_LARGEST = 200 * 10**6  # pixels of a picture


def encode_png(image: np.ndarray, scale: int = 1) -> bytes:
  """Returns the content of a PNG file of an image.

  Args:
    image: uint8 [H, W, C]. If C is neither 1 nor 3, see `viewable`.
    scale: Width and height in pixels of each pixel of the image.

  Returns:
    The content of the file.
  """
  buffer = io.BytesIO()
  _picture(_enlarged(viewable(image), scale)).save(buffer, 'PNG')
  return buffer.getvalue()


def write_image(path, image: np.ndarray, scale: int = 1) -> None:
  """Writes a PNG file of an image.

  Args:
    path: The PNG file.
    image: See `encode_png`.
    scale: See `encode_png`.

  Raises:
    UserError: If the file cannot be written.
  """
  _write(path, encode_png(image, scale))


def write_rows(
  path,
  rows: dict[str, np.ndarray] | list[tuple[str, np.ndarray]],
  title: str,
  columns=(),
  scale: int | None = None,
) -> None:
  """Writes a PNG file of rows of images with their names.

  Args:
    path: The PNG file.
    rows: Name and uint8 array [N, H, W, C] of each row, or a dict of them.
    title: Text above the rows.
    columns: Text above each column.
    scale: Width and height in pixels of each pixel of an image. None enlarges
      the images to at least 96 pixels.

  Raises:
    UserError: If the file cannot be written.
  """
  rows = list(rows.items()) if isinstance(rows, dict) else list(rows)
  height, width = rows[0][1].shape[1:3]
  scale = scale or _default_scale(height, width)
  step = (width * scale + _GAP, height * scale + _GAP)
  font = PIL.ImageFont.load_default(_TEXT)
  line = 2 * _TEXT
  left = _GAP + max(int(font.getlength(name)) for name, _ in rows) + 2 * _GAP
  top = line * (2 if len(columns) else 1)
  count = max(len(images) for _, images in rows)
  size = (
    max(left + count * step[0], 3 * _GAP + int(font.getlength(title))),
    top + len(rows) * step[1],
  )
  picture = PIL.Image.new('RGB', size, 3 * (_BACKGROUND,))
  draw = PIL.ImageDraw.Draw(picture)

  def write(x, y, text, anchor):
    draw.text((x, y), text, 'black', font, anchor)

  write(2 * _GAP, line / 2, title, 'lm')
  for column, text in enumerate(columns):
    middle = left + column * step[0] + width * scale / 2
    write(middle, 1.5 * line, text, 'mm')
  for row, (name, images) in enumerate(rows):
    y = top + row * step[1]
    write(left - 2 * _GAP, y + height * scale / 2, name, 'rm')
    large = _enlarged(viewable(images), scale)
    strip = tile(large, len(images), _GAP, _BACKGROUND)
    picture.paste(_picture(strip), (left, y))
  buffer = io.BytesIO()
  picture.save(buffer, 'PNG')
  _write(path, buffer.getvalue())


def check_size(
  image_shape, rows: int, columns: int, scale: int | None = None
) -> None:
  """Raises `UserError` if the rows of images are too large for a picture.

  Args:
    image_shape: (H, W, C) of each image.
    rows: Number of rows.
    columns: Number of images of the longest row.
    scale: See `write_rows`.

  Raises:
    UserError: With the size of the picture.
  """
  height, width = image_shape[:2]
  scale = scale or _default_scale(height, width)
  size = columns * (width * scale + _GAP), rows * (height * scale + _GAP)
  if size[0] * size[1] > _LARGEST:
    raise UserError(
      f'the picture would have {size[0]}x{size[1]} pixels, more than '
      f'{_LARGEST // 10**6} million; use a smaller --scale, fewer images, or '
      '--files.'
    )


def tile(
  images: np.ndarray, columns: int, gap: int, background: int = 255
) -> np.ndarray:
  """Returns one image that shows images in rows.

  Args:
    images: uint8 [N, H, W, C].
    columns: Number of images per row.
    gap: Pixels between two images.
    background: Value of the pixels between the images.

  Returns:
    uint8 [H', W', C].
  """
  number, height, width, channels = images.shape
  rows = -(-number // columns)
  result = np.full(
    [rows * (height + gap) - gap, columns * (width + gap) - gap, channels],
    background,
    np.uint8,
  )
  for place, image in enumerate(images):
    top = place // columns * (height + gap)
    left = place % columns * (width + gap)
    result[top : top + height, left : left + width] = image
  return result


def viewable(images: np.ndarray) -> np.ndarray:
  """Returns the channels of images that a picture can show.

  Args:
    images: uint8 [..., C].

  Returns:
    The first three channels, uint8 [..., 3]; if C is 1 or 2, the first channel,
    uint8 [..., 1].
  """
  return images[..., : 3 if images.shape[-1] >= 3 else 1]


def _default_scale(height, width):
  return max(1, -(-_TILE // max(height, width)))


def _enlarged(images, scale):
  """Returns images [..., H, W, C] with each pixel repeated in both axes."""
  return images.repeat(scale, axis=-3).repeat(scale, axis=-2)


def _picture(image):
  """Returns the Pillow image of an image with 1 or 3 channels."""
  return PIL.Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def _write(path, content):
  try:
    replace_file(path, content)
  except OSError as error:
    raise UserError(
      f'{path} cannot be written: {error.strerror or error}.'
    ) from None
