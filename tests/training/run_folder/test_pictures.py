"""Tests of PNG files of images."""

import io

import numpy as np
import PIL.Image
import pytest

from training.errors import UserError
from training.run_folder.pictures import encode_png, write_image, write_rows

IMAGES = np.random.default_rng(0).integers(0, 256, [3, 6, 8, 3], np.uint8)


@pytest.mark.parametrize('channels', [1, 3])
def test_pixels_are_kept(channels):
  image = IMAGES[0, ..., :channels]
  picture = PIL.Image.open(io.BytesIO(encode_png(image)))
  np.testing.assert_array_equal(np.asarray(picture), np.squeeze(image))
  large = PIL.Image.open(io.BytesIO(encode_png(image, 3)))
  assert large.size == (24, 18)
  np.testing.assert_array_equal(
    np.asarray(large)[1::3, 1::3], np.squeeze(image)
  )


@pytest.mark.parametrize(('channels', 'shown'), [(2, 1), (4, 3), (5, 3)])
def test_first_channels_are_shown(channels, shown):
  image = np.concatenate([IMAGES[0], IMAGES[1]], -1)[..., :channels]
  picture = PIL.Image.open(io.BytesIO(encode_png(image)))
  np.testing.assert_array_equal(
    np.asarray(picture), np.squeeze(image[..., :shown])
  )


def test_rows_show_the_images_unchanged(tmp_path):
  path = tmp_path / 'rows.png'
  rows = [('first', IMAGES), ('second', IMAGES[:2, ..., :1])]
  write_rows(path, rows, 'Title', ['a', 'b', 'c'], scale=2)
  picture = np.asarray(PIL.Image.open(path))
  windows = np.lib.stride_tricks.sliding_window_view(picture, (12, 16, 3))
  wanted = [
    *(np.asarray(image) for image in IMAGES),
    *(np.repeat(image[..., :1], 3, -1) for image in IMAGES[:2]),
  ]
  for image in wanted:
    large = image.repeat(2, axis=0).repeat(2, axis=1)
    assert np.sum(np.all(windows[:, :, 0] == large, axis=(2, 3, 4))) == 1
  write_rows(path, {'x': IMAGES}, 'Title')
  assert PIL.Image.open(path).height > 96


def test_file_that_cannot_be_written(tmp_path):
  (tmp_path / 'file').write_text('')
  with pytest.raises(UserError, match='cannot be written'):
    write_image(tmp_path / 'file' / 'x.png', IMAGES[0])
