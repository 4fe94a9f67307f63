"""PNG files of images: one of each, or in rows."""

import io

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from training.errors import UserError
from training.workdir import replace_file

__all__ = ['encode_png', 'viewable', 'write_image', 'write_rows']

_GAP, _TEXT = 4, 14  # pixels between images; height of letters
_PAPER = 'gainsboro'  # on which white images are seen
_TILE = 96  # pixels a side, at least, where the scale is not given


def encode_png(image: np.ndarray, scale: int = 1) -> bytes:
  """The PNG file of an image.

  Args:
    image: uint8 [H, W, C], see `viewable` for C other than 1 and 3.
    scale: how many pixels a side each of the image's becomes.

  Returns:
    The file's content.
  """
  buffer = io.BytesIO()
  _enlarged(image, scale).save(buffer, 'PNG')
  return buffer.getvalue()


def write_image(path, image: np.ndarray, scale: int = 1) -> None:
  """Writes what `encode_png` gives.

  Args:
    path: the PNG file.
    image: as there.
    scale: as there.

  Raises:
    UserError: if the file cannot be written.
  """
  _write(path, encode_png(image, scale))


def write_rows(
  path,
  rows: dict[str, np.ndarray] | list[tuple[str, np.ndarray]],
  title: str,
  columns=(),
  scale: int | None = None,
) -> None:
  """Writes rows of images with their names, one row below the other.

  Args:
    path: the PNG file.
    rows: name and uint8 array [N, H, W, C] of each, or a dict of them.
    title: what to write above.
    columns: what to write above each column.
    scale: how many pixels a side each pixel of an image becomes; None for as
      many as make an image 96 pixels wide.

  Raises:
    UserError: if the file cannot be written.
  """
  rows = list(rows.items()) if isinstance(rows, dict) else list(rows)
  height, width = rows[0][1].shape[1:3]
  if scale is None:
    scale = max(1, -(-_TILE // max(height, width)))
  tile = (width * scale + _GAP, height * scale + _GAP)
  font = PIL.ImageFont.load_default(_TEXT)
  line = 2 * _TEXT
  left = _GAP + max(int(font.getlength(name)) for name, _ in rows) + 2 * _GAP
  top = line * (2 if len(columns) else 1)
  count = max(len(images) for _, images in rows)
  size = (
    max(left + count * tile[0], 3 * _GAP + int(font.getlength(title))),
    top + len(rows) * tile[1],
  )
  picture = PIL.Image.new('RGB', size, _PAPER)
  draw = PIL.ImageDraw.Draw(picture)

  def write(x, y, text, anchor):
    draw.text((x, y), text, 'black', font, anchor)

  write(2 * _GAP, line / 2, title, 'lm')
  for column, text in enumerate(columns):
    middle = left + column * tile[0] + width * scale / 2
    write(middle, 1.5 * line, text, 'mm')
  for row, (name, images) in enumerate(rows):
    y = top + row * tile[1]
    write(left - 2 * _GAP, y + height * scale / 2, name, 'rm')
    for column, image in enumerate(images):
      picture.paste(_enlarged(image, scale), (left + column * tile[0], y))
  buffer = io.BytesIO()
  picture.save(buffer, 'PNG')
  _write(path, buffer.getvalue())


def viewable(images: np.ndarray) -> np.ndarray:
  """The channels of images that a picture can show.

  Args:
    images: uint8 [..., C].

  Returns:
    uint8 [..., 3], the first three channels, or [..., 1], the first, where C
    is 1 or 2.
  """
  return images[..., : 3 if images.shape[-1] >= 3 else 1]


def _enlarged(image, scale):
  image = viewable(image)
  if image.shape[-1] == 1:
    image = image[..., 0]
  picture = PIL.Image.fromarray(image)
  size = (picture.width * scale, picture.height * scale)
  return picture.resize(size, PIL.Image.Resampling.NEAREST)


def _write(path, content):
  try:
    replace_file(path, content)
  except OSError as error:
    raise UserError(
      f'{path} cannot be written: {error.strerror or error}.'
    ) from None
