"""Tests of how image files become pixels."""

import pathlib

import numpy as np
import PIL.Image
import pytest

from tests.training.data.helpers import random_image
from training.data.pixels import BrokenImage, decode


def png(path: pathlib.Path, pixels_, mode):
  PIL.Image.frombytes(mode, pixels_.shape[1::-1], pixels_.tobytes()).save(path)
  return path


def test_gray_alpha_palette_and_sixteen_bits(tmp_path):
  rgb = random_image(0)
  gray = rgb[..., :1]
  path = png(tmp_path / 'gray.png', gray, 'L')
  np.testing.assert_array_equal(decode(path), np.repeat(gray, 3, -1))
  np.testing.assert_array_equal(decode(path, 1), gray)
  alpha = np.concatenate([rgb, gray], -1)
  np.testing.assert_array_equal(
    decode(png(tmp_path / 'rgba.png', alpha, 'RGBA')), rgb
  )
  deep = gray.astype(np.uint16) * 256 + 200
  path = png(tmp_path / 'deep.png', deep, 'I;16')
  np.testing.assert_array_equal(decode(path), np.repeat(gray, 3, -1))
  palette = PIL.Image.fromarray(rgb).quantize(4)
  palette.save(tmp_path / 'palette.png')
  np.testing.assert_array_equal(
    decode(tmp_path / 'palette.png'), np.asarray(palette.convert('RGB'))
  )
  PIL.Image.fromarray(np.full([4, 4], np.nan, np.float32)).save(
    tmp_path / 'nan.tif'
  )
  with pytest.raises(BrokenImage, match='floating-point'):
    decode(tmp_path / 'nan.tif')


def test_damaged_exif_is_ignored(tmp_path):
  image = PIL.Image.fromarray(random_image(0))
  exif = b'Exif\0\0' + bytes(range(64))
  image.save(tmp_path / 'x.jpg', exif=exif, dpi=(72, 72), quality=100)
  pixels_ = decode(tmp_path / 'x.jpg', upright=True)
  np.testing.assert_array_equal(pixels_, decode(tmp_path / 'x.jpg'))
