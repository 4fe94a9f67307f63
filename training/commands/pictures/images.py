"""The images that a picture command is called with."""

import pathlib
import re

import numpy as np

from ...data.image_file import read_image
from ...errors import UserError
from .target import file_name

__all__ = ['read_images', 'test_images']


def read_images(
  flow, images, resize: bool, convert: bool
) -> tuple[np.ndarray, list[str]]:
  """Reads image files and test images.

  Args:
    flow: `TrainedFlow`.
    images: Paths of files, or 'test:N' for test image N.
    resize: See `read_image`.
    convert: See `read_image`.

  Returns:
    (uint8 [N, H, W, C], distinct names for files).

  Raises:
    UserError: If an image does not exist or does not fit.
  """
  pixels, names = [], []
  for text in images:
    match = re.fullmatch(r'test:(\d+)', text)
    if match:
      found, number = test_images(flow), int(match[1])
      if number >= len(found):
        raise UserError(
          f'{text}: there are {len(found)} test images, from 0 to '
          f'{len(found) - 1}.'
        )
      pixels.append(found[number])
      names.append(f'test_{number}')
    else:
      pixels.append(read_image(text, flow.image_shape, resize, convert))
      names.append(pathlib.Path(text).stem)
  return np.stack(pixels), _distinct(names)


def test_images(flow) -> np.ndarray:
  """Returns the test images of a flow.

  Args:
    flow: `TrainedFlow`.

  Returns:
    uint8 [N, H, W, C].

  Raises:
    UserError: If the data set is not known or not there.
  """
  if flow.dataset is None:
    raise UserError(
      f'{flow.path} does not say which data it was trained on, so there are no '
      'test images: name files.'
    )
  return flow.dataset.test_images


def _distinct(names):
  """Appends numbers to names that occur more than once."""
  names, result = [file_name(name) for name in names], []
  for name in names:
    found, number = name, 0
    while found in result or (names.count(name) > 1 and found in names):
      number += 1
      found = f'{name}_{number}'
    result.append(found)
  return result
