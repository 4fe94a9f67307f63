"""Tests that images of users are read unchanged or refused in one sentence."""

import io
import os
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from training.data.image_file import read_image
from training.data.pixels import decode
from training.errors import UserError

COLOR = np.random.default_rng(0).integers(0, 256, [6, 8, 3], np.uint8)
GRAY = COLOR[..., :1]
ALPHA = np.full([6, 8, 1], 255, np.uint8)


def png(pixels, mode=None, kind='PNG', **options):
  """Returns the bytes of an image file."""
  picture = PIL.Image.fromarray(np.squeeze(pixels))
  buffer = io.BytesIO()
  picture.convert(mode or picture.mode).save(buffer, kind, **options)
  return buffer.getvalue()


def only_header(width, height):
  """Returns a PNG file that states its size and has no pixels."""

  def chunk(name, content):
    checksum = zlib.crc32(name + content)
    return (
      struct.pack('>I', len(content))
      + name
      + content
      + struct.pack('>I', checksum)
    )

  size = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
  return b'\x89PNG\r\n\x1a\n' + b''.join(
    [chunk(b'IHDR', size), chunk(b'IDAT', b''), chunk(b'IEND', b'')]
  )


def refusal(source, shape=(6, 8, 3), **options):
  """Returns the sentence that refuses an image."""
  with pytest.raises(UserError) as caught:
    read_image(source, shape, **options)
  sentence = str(caught.value)
  assert '\n' not in sentence
  assert sentence.endswith('.')
  return sentence


def test_fitting_image_is_read_unchanged(tmp_path):
  path = tmp_path / 'a.png'
  path.write_bytes(png(COLOR))
  for source in (path, str(path), png(COLOR), png(COLOR, kind='BMP')):
    np.testing.assert_array_equal(read_image(source, [6, 8, 3]), COLOR)
  np.testing.assert_array_equal(read_image(png(GRAY), [6, 8, 1]), GRAY)
  few = COLOR // 64 * 64  # a palette has 256 colors
  np.testing.assert_array_equal(
    read_image(png(few, kind='GIF'), [6, 8, 3]), few
  )
  black = 255 * (GRAY > 127).astype(np.uint8)
  np.testing.assert_array_equal(read_image(png(black, '1'), [6, 8, 1]), black)


def test_image_of_another_size_is_resized_on_request():
  wide = np.repeat(np.repeat(COLOR, 3, axis=0), 3, axis=1)  # 18x24
  wide = np.pad(wide, [(0, 0), (5, 5), (0, 0)])
  sentence = refusal(png(wide), name='wide.png')
  assert 'wide.png has 34x18 pixels' in sentence
  assert 'takes 8x6' in sentence
  assert '--resize' in sentence
  resized = read_image(png(wide), [6, 8, 3], resize=True)
  np.testing.assert_array_equal(resized, COLOR)
  tall = np.pad(wide[:, 5:-5], [(3, 3), (0, 0), (0, 0)])
  resized = read_image(png(tall), [6, 8, 3], resize=True)
  np.testing.assert_array_equal(resized, COLOR)
  resized = read_image(png(GRAY[:3, :4]), [6, 8, 1], resize=True)
  np.testing.assert_array_equal(resized[::2, ::2], GRAY[:3, :4])


@pytest.mark.parametrize('resize', [False, True])
def test_photograph_is_rotated_by_its_exif(resize):
  exif = PIL.Image.Exif()
  exif[0x0112] = 6  # rotate by 90 degrees, clockwise
  content = png(np.rot90(COLOR), exif=exif)
  turned = read_image(content, [6, 8, 3], resize=resize)
  np.testing.assert_array_equal(turned, COLOR)


def test_image_is_read_as_training_images_are():
  """Turned by 180 degrees, which does not change its size."""
  exif = PIL.Image.Exif()
  exif[0x0112] = 3
  content = png(COLOR, exif=exif)
  np.testing.assert_array_equal(
    read_image(content, [6, 8, 3]), decode(io.BytesIO(content), upright=True)
  )
  np.testing.assert_array_equal(
    read_image(content, [6, 8, 3]), COLOR[::-1, ::-1]
  )


def test_size_counts_after_turning():
  exif = PIL.Image.Exif()
  exif[0x0112] = 6
  assert '6x8 pixels' in refusal(png(COLOR, exif=exif))
  assert '6x8 pixels' in refusal(png(np.rot90(COLOR)))


def test_pipe_is_refused(tmp_path):
  os.mkfifo(tmp_path / 'z.png')
  assert 'is a pipe or a device' in refusal(tmp_path / 'z.png')


def test_few_levels_and_32_bits_are_refused():
  dark = png(np.arange(48, dtype=np.uint16).reshape([6, 8]))
  assert 'of the 256 upper values' in refusal(dark, (6, 8, 1), convert=True)
  deep = png(np.arange(48, dtype=np.int32).reshape([6, 8]), kind='TIFF')
  assert 'more than 8 bits' in refusal(deep, (6, 8, 1))
  assert 'integers of 32 bits' in refusal(deep, (6, 8, 1), convert=True)


@pytest.mark.parametrize(
  ('content', 'shape', 'word', 'converted'),
  [
    (png(GRAY), (6, 8, 3), 'is gray', np.repeat(GRAY, 3, -1)),
    (png(np.repeat(GRAY, 3, -1)), (6, 8, 1), 'is color', GRAY),
    (
      png(np.concatenate([COLOR, ALPHA], -1)),
      (6, 8, 3),
      'has an alpha channel',
      COLOR,
    ),
    (
      png((GRAY.astype(np.uint16) << 8) + 77),
      (6, 8, 1),
      'more than 8 bits',
      GRAY,
    ),
    (
      tf.io.encode_png((COLOR.astype(np.uint16) << 8) + 77).numpy(),
      (6, 8, 3),
      'more than 8 bits',
      COLOR,
    ),
  ],
  ids=['gray', 'color', 'alpha', '16-bit gray', '16-bit color'],
)
def test_image_of_another_kind_is_converted_on_request(
  content, shape, word, converted
):
  sentence = refusal(content, shape, name='x.png')
  assert word in sentence
  assert '--convert' in sentence
  np.testing.assert_array_equal(
    read_image(content, shape, convert=True), converted
  )


def test_transparent_pixels_are_refused():
  alpha = ALPHA.copy()
  alpha[2, 3] = 254
  content = png(np.concatenate([COLOR, alpha], -1))
  assert 'transparent' in refusal(content, convert=True)


@pytest.mark.parametrize('resize', [False, True])
@pytest.mark.parametrize('size', [(20000, 20000), (12000, 10000)])
def test_too_many_pixels_are_not_decoded(size, resize):
  """Decoding would fail with another message, because there are no pixels."""
  sentence = refusal(only_header(*size), resize=resize)
  assert '100 million' in sentence
  assert 'not decoded' in sentence
  assert 'truncated' in refusal(only_header(8, 6))


def test_damaged_files_are_refused(tmp_path):
  whole = png(np.repeat(COLOR, 3, axis=0))
  assert 'truncated' in refusal(whole[:-60], (18, 8, 3), name='cut.png')
  assert 'is not a readable image' in refusal(whole[:5])
  assert 'is not a readable image' in refusal(b'')
  assert 'is not a readable image' in refusal(b'<svg></svg>')
  damaged = bytearray(whole)
  damaged[60] ^= 255
  assert 'x.png' in refusal(bytes(damaged), (18, 8, 3), name='x.png')
  assert 'No such file' in refusal(tmp_path / 'none.png')
  assert 'directory' in refusal(tmp_path)
  floats = png(COLOR[..., 0].astype(np.float32), kind='TIFF')
  assert 'floating-point' in refusal(floats, (6, 8, 1), convert=True)
  assert '4 channels' in refusal(whole, (18, 8, 4))
