"""PNG files of rows of images."""

import io

import matplotlib
import numpy as np

from training.workdir import replace_file

matplotlib.use('Agg')
from matplotlib import pyplot

__all__ = ['write_rows']


def write_rows(path, rows: dict[str, np.ndarray], title: str) -> None:
  """Writes rows of images with their names, one row below the other.

  Args:
    path: the PNG file.
    rows: name -> uint8 array [N, H, W, C], of as many images each.
    title: what to write above.
  """
  count = max(len(images) for images in rows.values())
  figure, axes = pyplot.subplots(
    len(rows),
    count,
    figsize=(0.8 * count + 1.0, 0.85 * len(rows) + 0.5),
    squeeze=False,
  )
  for row, (name, images) in zip(axes, rows.items(), strict=True):
    for axis, image in zip(row, images, strict=False):
      grey = image.shape[-1] == 1
      axis.imshow(image[..., 0] if grey else image, 'gray', vmin=0, vmax=255)
    for axis in row:
      axis.set_xticks([])
      axis.set_yticks([])
      axis.set_frame_on(False)
    row[0].set_ylabel(name, rotation=0, ha='right', va='center')
  figure.suptitle(title)
  figure.tight_layout(pad=0.3)
  buffer = io.BytesIO()
  figure.savefig(buffer, format='png', dpi=150)
  pyplot.close(figure)
  replace_file(path, buffer.getvalue())
