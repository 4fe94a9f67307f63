"""Reads and writes PNG files of images."""

import numpy as np
import PIL.Image

from training.run_folder.pictures import encode_png


def read_png(path):
  """Returns the pixels of a file, uint8 [H, W] or [H, W, 3]."""
  return np.asarray(PIL.Image.open(path))


def write_png(path, image):
  """Writes an image, uint8 [H, W, C], and its folder; returns the path."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(encode_png(image))
  return path
