"""Tests of how image files become pixels."""

import io
import pathlib
import struct

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

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


def tiff_of_12_bits(values):
  """Returns a TIFF file of 12-bit gray pixels [H, W], W even."""
  rows = []
  for first, second in values.reshape([-1, 2]).tolist():
    rows.append((first << 12 | second).to_bytes(3, 'big'))
  content = b''.join(rows)
  height, width = values.shape
  tags = [
    (256, 4, width),
    (257, 4, height),
    (258, 3, 12),  # bits per sample
    (259, 3, 1),  # not compressed
    (262, 3, 1),  # 0 is black
    (273, 4, 8),  # offset of the pixels
    (277, 3, 1),
    (278, 4, height),
    (279, 4, len(content)),
  ]
  entries = b''.join(
    struct.pack('<HHII', tag, kind, 1, value) for tag, kind, value in tags
  )
  return b''.join(
    [
      b'II*\0' + struct.pack('<I', 8 + len(content)),
      content,
      struct.pack('<H', len(tags)) + entries + bytes(4),
    ]
  )


def test_upper_eight_of_12_bits_are_kept():
  values = np.arange(0, 4096, 64).reshape([8, 8])
  pixels = decode(io.BytesIO(tiff_of_12_bits(values)), 1)
  np.testing.assert_array_equal(pixels[..., 0], values >> 4)


@pytest.mark.parametrize('largest', [4095, 16383])
def test_twelve_bits_in_a_file_of_16_are_refused(tmp_path, largest):
  """8 bits would keep 16 or 64 levels of the image."""
  values = np.linspace(0, largest, 64).reshape([8, 8]).astype(np.uint16)
  path = png(tmp_path / 'gray.png', values, 'I;16')
  expected = f'use {largest // 256 + 1} of the 256 upper values of 16 bits'
  with pytest.raises(BrokenImage, match=expected):
    decode(path, 1)
  color = np.repeat(values[..., np.newaxis], 3, -1)
  content = tf.io.encode_png(color).numpy()
  with pytest.raises(BrokenImage, match=expected):
    decode(io.BytesIO(content))
  brighter = tf.io.encode_png(color + 1).numpy()
  if largest == 16383:
    assert decode(io.BytesIO(brighter)).max() == 64


@pytest.mark.parametrize('top', [255, 4095, 65535, 2**31 - 1])
def test_integers_of_32_bits_are_refused(tmp_path, top):
  values = np.linspace(0, top, 64).reshape([8, 8]).astype(np.int32)
  PIL.Image.fromarray(values).save(tmp_path / 'x.tif')
  with pytest.raises(BrokenImage, match='integers of 32 bits or with a sign'):
    decode(tmp_path / 'x.tif', 1)


def test_damaged_exif_is_ignored(tmp_path):
  image = PIL.Image.fromarray(random_image(0))
  exif = b'Exif\0\0' + bytes(range(64))
  image.save(tmp_path / 'x.jpg', exif=exif, dpi=(72, 72), quality=100)
  pixels_ = decode(tmp_path / 'x.jpg', upright=True)
  np.testing.assert_array_equal(pixels_, decode(tmp_path / 'x.jpg'))
