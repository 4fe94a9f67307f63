"""The file or folder that a picture command writes."""

import pathlib
import re
import sys

from ...errors import UserError
from ...run_folder import pictures
from ..options import check_output

__all__ = ['Target', 'file_name']


class Target:
  """The file or folder that a picture command writes, and in which form."""

  def __init__(self, output: str | None, files: bool, scale: int | None):
    """Checks the options before anything is computed.

    Args:
      output: The PNG file, or the folder; None for the default.
      files: Whether to write one file for each image.
      scale: Width and height in pixels of each pixel of an image, or None.

    Raises:
      UserError: If `output` is a folder where a file is needed, or vice versa.
    """
    self._output = None if output is None else pathlib.Path(output)
    self._files, self._scale = files, scale
    if self._output is None:
      return
    check_output(self._output, files)
    if files and self._output.exists() and not self._output.is_dir():
      raise UserError(
        f'--output {output} is a file; with --files it must be a folder.'
      )
    if not files and (
      self._output.is_dir() or self._output.suffix.lower() != '.png'
    ):
      raise UserError(
        f'--output {output} must be the name of a PNG file, such as '
        'picture.png; with --files it is a folder.'
      )

  def check_size(self, image_shape, rows: int, columns: int) -> None:
    """Raises `UserError` if a picture would be too large.

    Args:
      image_shape: (H, W, C) of each image.
      rows: Number of rows of images.
      columns: Number of images of the longest row.

    Raises:
      UserError: Before anything is computed.
    """
    if self._files:
      rows = columns = 1
    pictures.check_size(image_shape, rows, columns, self._scale)

  def write(
    self, flow, name, rows, single, title, columns=(), remedy='train longer'
  ) -> None:
    """Writes rows of images, or each image into its own file.

    Args:
      flow: `TrainedFlow`, whose folder is the default.
      name: Name of the file or folder, if `output` is None.
      rows: Rows as `pictures.write_rows` takes them.
      single: Images by file name.
      title: Title of the rows.
      columns: Titles of the columns.
      remedy: What helps if images contain values that are not finite.
    """
    if flow.not_finite:
      print(
        f'{flow.not_finite} of {flow.num_made} images contain values that are '
        f'not finite; ignore them. {remedy.capitalize()}.',
        file=sys.stderr,
      )
    name = file_name(name)
    path = self._output or flow.folder / (
      name if self._files else name + '.png'
    )
    if not self._files:
      pictures.write_rows(path, rows, title, columns, self._scale)
      print(f'Wrote {path}')
      return
    for file, image in single.items():
      pictures.write_image(path / file_name(file), image, self._scale or 1)
    print(f'Wrote {len(single)} files into {path}')


def file_name(text: str) -> str:
  """Returns a text with '_' for all that is unusual in the name of a file."""
  return re.sub(r'[^\w.,+-]+', '_', text)
