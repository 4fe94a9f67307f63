"""The images that a picture command is called with."""

import pathlib
import re
from collections.abc import Callable

import numpy as np

from ...data.image_file import read_image
from ...errors import UserError
from ..condition import parse_label
from .target import file_name

__all__ = ['condition_of', 'read_images', 'test_images', 'test_numbers']

_TEST_IMAGE = re.compile(r'test:(\d+)')


def read_images(
  flow,
  images,
  resize: bool,
  convert: bool,
  shape=None,
  of_test: Callable[[np.ndarray], np.ndarray] = lambda image: image,
) -> tuple[np.ndarray, list[str]]:
  """Reads image files and test images.

  Args:
    flow: `TrainedFlow`.
    images: Paths of files, or 'test:N' for test image N.
    resize: See `read_image`.
    convert: See `read_image`.
    shape: Shape of a file. None is that of the flow.
    of_test: Function of a test image that returns an image of this shape.

  Returns:
    (uint8 [N, H, W, C], distinct names for files).

  Raises:
    UserError: If an image does not exist or does not fit.
  """
  shape = flow.image_shape if shape is None else shape
  pixels, names = [], []
  for text in images:
    match = _TEST_IMAGE.fullmatch(text)
    if match:
      found, number = test_images(flow), int(match[1])
      if number >= len(found):
        raise UserError(
          f'{text}: there are {len(found)} test images, from 0 to '
          f'{len(found) - 1}.'
        )
      pixels.append(of_test(found[number]))
      names.append(f'test_{number}')
    else:
      pixels.append(read_image(text, shape, resize, convert))
      names.append(pathlib.Path(text).stem)
  return np.stack(pixels), _distinct(names)


def condition_of(flow, images, pixels: np.ndarray, text: str | None):
  """Returns the condition of the images of a command.

  Args:
    flow: `TrainedFlow`.
    images: See `read_images`; None if all images are files.
    pixels: The images, uint8 [N, H, W, C].
    text: The label after --condition, see `parse_label`. None uses the labels
      of test images.

  Returns:
    The argument `condition` of the methods of `TrainedFlow`; None for a flow
    that is not conditional.

  Raises:
    UserError: If the label is missing or unknown.
  """
  labels = None
  if text is not None:
    labels = np.repeat(parse_label(flow, text)[np.newaxis], len(pixels), 0)
  elif flow.condition is not None and flow.condition.takes_labels:
    numbers = test_numbers(images or [''])
    if numbers is not None and flow.test_labels is not None:
      labels = flow.test_labels[numbers]
  if images is not None or flow.condition is None or not len(pixels):
    return flow.condition_of(pixels, labels)
  import tensorflow as tf

  # One by one, so that the mask of a file does not depend on other files.
  labels = [None] * len(pixels) if labels is None else labels[:, np.newaxis]
  found = [
    flow.condition_of(image, label)
    for image, label in zip(pixels[:, np.newaxis], labels, strict=True)
  ]
  return {name: tf.concat([one[name] for one in found], 0) for name in found[0]}


def test_numbers(images) -> list[int] | None:
  """Returns the numbers N if all images are 'test:N', else None."""
  matches = [_TEST_IMAGE.fullmatch(image) for image in images]
  return [int(match[1]) for match in matches] if all(matches) else None


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
      f'{flow.path} does not say where its data ({flow.name}) '
      f'are, so there are no '
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
