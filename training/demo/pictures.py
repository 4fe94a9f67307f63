"""Lets the user choose an image, and shows images."""

import numpy as np
import streamlit

from training.demo.served import Served
from training.demo.text import literal
from training.errors import UserError
from training.images import read_image

__all__ = ['choose', 'grid', 'show']


def choose(
  flow: Served, label: str, key: str, number: int = 0
) -> np.ndarray | None:
  """Asks for an image: one of the test set, a file, or a sample of the flow.

  A file that the flow cannot take is told in a sentence, and so it is where one
  is made to fit.

  Args:
    flow: that takes it.
    label: what the image is for.
    key: part of the keys of its widgets, another for each image of the page.
    number: of the test image that is taken at first.

  Returns:
    uint8 [H, W, C], or None while there is none.
  """
  images = flow.test_images
  ways = ['Your file', 'Sample']
  if images is not None:
    ways = ['Test set', *ways]
  way = streamlit.segmented_control(
    label,
    ways,
    default=ways[0],
    required=True,
    key=f'{key}_way',
    persist_state='session',
  )
  if way == 'Your file':
    return _upload(flow, key)
  if way == 'Sample':
    seed = streamlit.number_input('Seed', 0, 10**6, number, key=f'{key}_seed')
    return flow.sample(1, 0.7, seed)[0]
  last = len(images) - 1
  chosen = streamlit.number_input(
    f'Test image, 0 to {last}',
    0,
    last,
    min(number, last),
    key=f'{key}_number',
    persist_state='session',
  )
  return images[chosen]


def _upload(flow, key):
  file = streamlit.file_uploader('PNG, JPEG, BMP or GIF', key=f'{key}_file')
  if file is None:
    return None
  content, shape = file.getvalue(), flow.image_shape
  try:
    return read_image(content, shape, name=file.name)
  except UserError:
    pass  # which may be mended
  try:
    image = read_image(
      content, shape, resize=True, convert=True, name=file.name
    )
  except UserError as error:
    streamlit.error(literal(str(error)))
    return None
  streamlit.caption(
    literal(f'{file.name} was cropped, resized or converted to fit.')
  )
  return image


def show(image: np.ndarray, caption: str, side: int = 224) -> None:
  """Shows an image with its caption, enlarged to about `side` pixels.

  Args:
    image: uint8 [H, W, C]. Each pixel becomes a square of one colour, for a
      browser that enlarges would mix them.
    caption: what it is.
    side: of the screen. A larger image is not made smaller, but by the browser
      where the page is narrow.
  """
  times = max(1, side // max(image.shape[:2]))
  image = image.repeat(times, axis=0).repeat(times, axis=1)
  streamlit.image(
    image[..., 0] if image.shape[-1] == 1 else image,
    literal(caption),
    width=image.shape[1],
    alt=caption,
    output_format='PNG',
  )


def grid(images: np.ndarray) -> np.ndarray:
  """Images [N, H, W, C] as one, in a square of rows, white between them."""
  number, height, width, channels = images.shape
  columns = int(np.ceil(np.sqrt(number)))
  rows = -(-number // columns)
  gap = max(1, height // 16)
  result = np.full(
    [rows * (height + gap) - gap, columns * (width + gap) - gap, channels],
    255,
    np.uint8,
  )
  for place, image in enumerate(images):
    top = place // columns * (height + gap)
    left = place % columns * (width + gap)
    result[top : top + height, left : left + width] = image
  return result
