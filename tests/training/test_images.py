"""Images as users have them: taken as they are, or refused in one sentence."""

import io
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from training.errors import UserError
from training.images import read_image

COLOUR = np.random.default_rng(0).integers(0, 256, [6, 8, 3], np.uint8)
GREY = COLOUR[..., :1]
ALPHA = np.full([6, 8, 1], 255, np.uint8)


def png(pixels, mode=None, kind='PNG', **options):
  """The bytes of an image file."""
  picture = PIL.Image.fromarray(np.squeeze(pixels))
  buffer = io.BytesIO()
  picture.convert(mode or picture.mode).save(buffer, kind, **options)
  return buffer.getvalue()


def header_alone(width, height):
  """A PNG file that says its size and holds no pixel."""

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
  """The sentence that refuses an image."""
  with pytest.raises(UserError) as caught:
    read_image(source, shape, **options)
  sentence = str(caught.value)
  assert '\n' not in sentence
  assert sentence.endswith('.')
  return sentence


def test_what_fits_is_taken_as_it_is(tmp_path):
  path = tmp_path / 'a.png'
  path.write_bytes(png(COLOUR))
  for source in (path, str(path), png(COLOUR), png(COLOUR, kind='BMP')):
    np.testing.assert_array_equal(read_image(source, [6, 8, 3]), COLOUR)
  np.testing.assert_array_equal(read_image(png(GREY), [6, 8, 1]), GREY)
  few = COLOUR // 64 * 64  # a palette has 256 colours
  np.testing.assert_array_equal(
    read_image(png(few, kind='GIF'), [6, 8, 3]), few
  )
  black = 255 * (GREY > 127).astype(np.uint8)
  np.testing.assert_array_equal(read_image(png(black, '1'), [6, 8, 1]), black)


def test_another_size():
  wide = np.repeat(np.repeat(COLOUR, 3, axis=0), 3, axis=1)  # 18x24
  wide = np.pad(wide, [(0, 0), (5, 5), (0, 0)])
  sentence = refusal(png(wide), name='wide.png')
  assert 'wide.png has 34x18 pixels' in sentence
  assert 'takes 8x6' in sentence
  assert '--resize' in sentence
  resized = read_image(png(wide), [6, 8, 3], resize=True)
  np.testing.assert_array_equal(resized, COLOUR)
  tall = np.pad(wide[:, 5:-5], [(3, 3), (0, 0), (0, 0)])
  resized = read_image(png(tall), [6, 8, 3], resize=True)
  np.testing.assert_array_equal(resized, COLOUR)
  resized = read_image(png(GREY[:3, :4]), [6, 8, 1], resize=True)
  np.testing.assert_array_equal(resized[::2, ::2], GREY[:3, :4])


def test_a_photograph_that_lies_on_its_side_is_turned():
  exif = PIL.Image.Exif()
  exif[0x0112] = 6  # turn by 90 degrees, clockwise
  content = png(np.rot90(COLOUR), exif=exif)
  turned = read_image(content, [6, 8, 3], resize=True)
  np.testing.assert_array_equal(turned, COLOUR)


@pytest.mark.parametrize(
  ('content', 'shape', 'word', 'converted'),
  [
    (png(GREY), (6, 8, 3), 'is grey', np.repeat(GREY, 3, -1)),
    (png(np.repeat(GREY, 3, -1)), (6, 8, 1), 'is colour', GREY),
    (
      png(np.concatenate([COLOUR, ALPHA], -1)),
      (6, 8, 3),
      'has an alpha channel',
      COLOUR,
    ),
    (
      png((GREY.astype(np.uint16) << 8) + 77),
      (6, 8, 1),
      'more than 8 bits',
      GREY,
    ),
    (
      tf.io.encode_png((COLOUR.astype(np.uint16) << 8) + 77).numpy(),
      (6, 8, 3),
      'more than 8 bits',
      COLOUR,
    ),
  ],
  ids=['grey', 'colour', 'alpha', '16-bit grey', '16-bit colour'],
)
def test_another_kind_is_converted_on_request_alone(
  content, shape, word, converted
):
  sentence = refusal(content, shape, name='x.png')
  assert word in sentence
  assert '--convert' in sentence
  np.testing.assert_array_equal(
    read_image(content, shape, convert=True), converted
  )


def test_transparent_pixels_have_no_colour():
  alpha = ALPHA.copy()
  alpha[2, 3] = 254
  content = png(np.concatenate([COLOUR, alpha], -1))
  assert 'transparent' in refusal(content, convert=True)


@pytest.mark.parametrize('resize', [False, True])
@pytest.mark.parametrize('size', [(20000, 20000), (12000, 10000)])
def test_too_many_pixels_are_not_decoded(size, resize):
  """To decode this would fail in another way: there are none."""
  sentence = refusal(header_alone(*size), resize=resize)
  assert '100 million' in sentence
  assert 'not decoded' in sentence
  assert 'truncated' in refusal(header_alone(8, 6))


def test_what_is_no_whole_image(tmp_path):
  whole = png(np.repeat(COLOUR, 3, axis=0))
  assert 'truncated' in refusal(whole[:-60], (18, 8, 3), name='cut.png')
  assert 'is no image' in refusal(whole[:5])
  assert 'is no image' in refusal(b'')
  assert 'is no image' in refusal(b'<svg></svg>')
  damaged = bytearray(whole)
  damaged[60] ^= 255
  assert 'x.png' in refusal(bytes(damaged), (18, 8, 3), name='x.png')
  assert 'No such file' in refusal(tmp_path / 'none.png')
  assert 'directory' in refusal(tmp_path)
  floats = png(COLOUR[..., 0].astype(np.float32), kind='TIFF')
  assert 'floating-point' in refusal(floats, (6, 8, 1), convert=True)
  assert '4 channels' in refusal(whole, (18, 8, 4))
