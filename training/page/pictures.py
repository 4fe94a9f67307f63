"""Lets the user choose an image, and shows images."""

import numpy as np
import streamlit

from ..data.image_file import read_image
from ..errors import UserError
from ..run_folder.pictures import encode_png, tile
from .labels import choose_label
from .served import Label, Served
from .text import literal

__all__ = ['choose', 'grid', 'show']


def choose(
  flow: Served, label: str, key: str, number: int = 0
) -> tuple[np.ndarray | None, Label]:
  """Asks for an image: a test image or example, a file, or a sample.

  If a file was changed to fit the flow, or cannot be used, the page says so.

  Args:
    flow: The flow.
    label: Purpose of the image.
    key: Prefix of the keys of its widgets, unique on the page.
    number: Index of the test image or example that is chosen at first.

  Returns:
    (image, its label): uint8 [H, W, C], or None if there is no image yet; the
    label of a test image or a sample, or None if it is not known.
  """
  images = flow.known_images
  ways = ['Your file', 'Sample']
  if images is not None:
    ways = ['Test set' if flow.examples is None else 'Examples', *ways]
  way = streamlit.segmented_control(
    label,
    ways,
    default=ways[0],
    required=True,
    key=f'{key}_way',
    persist_state='page',
  )
  if way == 'Your file':
    return _upload(flow, key), None
  if way == 'Sample':
    seed = streamlit.number_input('Seed', 0, 10**6, number, key=f'{key}_seed')
    own = choose_label(flow, None, f'{key}_sample')
    return flow.sample(1, 0.7, seed, own)[0], own
  last = len(images) - 1
  chosen = streamlit.number_input(
    f'{flow.kind.capitalize()} image, 0 to {last}',
    0,
    last,
    min(number, last),
    key=f'{key}_number',
    persist_state='page',
  )
  if flow.examples is not None:
    streamlit.caption(
      f"From scikit-learn's {flow.examples.name}; the flow was not trained on "
      'these images.'
    )
  return images[chosen], flow.test_label(chosen)


def _upload(flow, key):
  file = streamlit.file_uploader('PNG, JPEG, BMP or GIF', key=f'{key}_file')
  if file is None:
    return None
  content, shape = file.getvalue(), flow.image_shape
  try:
    return read_image(content, shape, name=file.name)
  except UserError:
    pass  # it may fit after resizing and converting
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
    image: uint8 [H, W, C]. Each pixel becomes a square of one color; a browser
      that enlarges the image would blend them.
    caption: Caption of the image.
    side: Width or height on the screen in pixels. Only the browser makes larger
      images smaller, if the page is narrow.
  """
  scale = max(1, side // max(image.shape[:2]))
  streamlit.image(
    encode_png(image, scale),
    literal(caption),
    width=scale * image.shape[1],
    alt=caption,
    output_format='PNG',
  )


def grid(images: np.ndarray) -> np.ndarray:
  """Returns images [N, H, W, C] as one, in a square with white gaps."""
  columns = int(np.ceil(np.sqrt(len(images))))
  return tile(images, columns, gap=max(1, images.shape[1] // 16))
