"""Bits/dim of image files, which bits/dim of flows are held against."""

import io

import numpy as np
import PIL.Image

from benchmarks.bits_per_dim.data_set import DataSet
from benchmarks.bits_per_dim.images import load_data_set
from benchmarks.bits_per_dim.records import Records, about

__all__ = ['find_references', 'measure_references']

_STRIP = 500  # images of a WebP file
_MOST_PIXELS = 16383  # largest width of a WebP file


def measure_references(images: np.ndarray) -> dict[str, float]:
  """Returns the bits/dim of the image files of some images.

  Args:
    images: uint8 [N, H, W, 1 or 3].

  Returns:
    'png', one file for each image, and 'webp', lossless files of up to 500
    images side by side, so that their headers do not count.
  """
  pictures = np.squeeze(images, -1) if images.shape[-1] == 1 else images
  png = sum(_size(picture, 'PNG', optimize=True) for picture in pictures)
  number = min(_STRIP, _MOST_PIXELS // images.shape[2])
  webp = sum(
    _size(
      np.concatenate(pictures[start : start + number], 1),
      'WEBP',
      lossless=True,  # the slowest settings take 40 times as long for 0.05
    )
    for start in range(0, len(images), number)
  )
  return {'png': 8 * png / images.size, 'webp': 8 * webp / images.size}


def find_references(
  data: DataSet, records: Records, command: str | None = None
) -> dict[str, float] | None:
  """Returns the references of the test images of a data set.

  Args:
    data: The data set.
    records: Records, where they are kept.
    command: Command to record. With it, references that have no record are
      measured and recorded.

  Returns:
    The result of `measure_references`; None if there is none.
  """
  name = f'references-{data.name}-{data.digest or "packaged"}'
  record = records.find_named(name)
  if record is None and command is not None:
    result = measure_references(load_data_set(data).test_images)
    record = records.write_named(name, result, **about(command))
  return record and record['result']


def _size(picture, kind, **options):
  file = io.BytesIO()
  PIL.Image.fromarray(picture).save(file, kind, **options)
  return file.tell()
