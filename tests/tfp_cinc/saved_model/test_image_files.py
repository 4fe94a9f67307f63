import io
import itertools
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from tfp_cinc.saved_model.image_files import decode_images, encode_images

SHAPE = [6, 5, 3]
PIXELS = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)

# As it is used: in a graph, traced once.
decode = tf.function(
  lambda contents: decode_images(contents, SHAPE, 'images_bytes'),
  input_signature=[tf.TensorSpec([None], tf.string)],
)


def file_of(array, kind='PNG', mode=None, **options):
  image = PIL.Image.fromarray(array)
  if mode:
    image = image.convert(mode)
  with io.BytesIO() as file:
    image.save(file, kind, **options)
    return file.getvalue()


def flipped(content, position):
  """Returns the content with a flipped bit."""
  damaged = bytearray(content)
  damaged[position] ^= 1
  return bytes(damaged)


def orientation(value, order='<'):
  """EXIF data of an image that is to be turned, unless the value is 1."""
  exif = PIL.Image.Exif()
  exif[0x10F] = 'maker of the camera'
  exif[0x112] = value
  exif.endian = order
  return exif.tobytes()


def bomb(width, height):
  """A small PNG file that says to be of this size."""
  header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
  chunk = b'IHDR' + header
  data = struct.pack('>I', len(header)) + chunk
  return b'\x89PNG\r\n\x1a\n' + data + struct.pack('>I', zlib.crc32(chunk))


def test_files_of_other_programs():
  jpeg = file_of(PIXELS, 'JPEG')
  palette = file_of(PIXELS // 128 * 255, mode='P')
  found = decode([file_of(PIXELS), jpeg, palette]).numpy()
  np.testing.assert_array_equal(found[0], PIXELS)
  expected = np.asarray(PIL.Image.open(io.BytesIO(jpeg)))
  np.testing.assert_array_equal(found[1], expected)
  expected = PIL.Image.open(io.BytesIO(palette)).convert('RGB')
  np.testing.assert_array_equal(found[2], np.asarray(expected))


def test_upright_files_may_say_so():
  for order in '<>':
    options = {'exif': orientation(1, order)}
    files = [file_of(PIXELS, kind, **options) for kind in ('PNG', 'JPEG')]
    np.testing.assert_array_equal(decode(files)[0], PIXELS)


@pytest.mark.parametrize('progressive', [False, True])
@pytest.mark.parametrize(
  ('shape', 'subsampling'),
  [
    *itertools.product(
      ([32, 32, 3], [33, 31, 3], [7, 9, 3], [1, 2, 3]),
      ('4:4:4', '4:2:2', '4:2:0'),
    ),
    ([33, 31, 1], None),
  ],
)
def test_jpeg_files_have_the_pixels_that_pillow_reads(
  shape, subsampling, progressive
):
  walk = np.random.default_rng(0).normal(size=shape).cumsum(0).cumsum(1)
  photo = np.clip(100 + walk, 0, 255).astype(np.uint8)
  options = {} if subsampling is None else {'subsampling': subsampling}
  contents = [
    file_of(
      np.squeeze(photo, -1) if shape[-1] == 1 else photo,
      'JPEG',
      quality=quality,
      progressive=progressive,
      **options,
    )
    for quality in (20, 75, 95)
  ]
  expected = [np.asarray(PIL.Image.open(io.BytesIO(c))) for c in contents]
  found = decode_images(tf.constant(contents), shape, 'images_bytes')
  np.testing.assert_array_equal(found, np.reshape(expected, [3, *shape]))


@pytest.mark.parametrize(
  ('subsampling', 'factors'), [('4:2:2', 0x12), ('4:2:0', 0x41)]
)
def test_rare_subsampling_gives_the_pixels_of_pillow(subsampling, factors):
  """Of 4:4:0 and 4:1:1, which Pillow reads but does not write."""
  photo = np.random.default_rng(0).normal(size=[32, 32, 3]).cumsum(0).cumsum(1)
  photo = np.clip(100 + photo, 0, 255).astype(np.uint8)
  content = bytearray(file_of(photo, 'JPEG', subsampling=subsampling))
  # The sampling factors of the first component, in the frame header. Both
  # kinds have the same number of blocks.
  content[content.index(b'\xff\xc0') + 11] = factors
  expected = np.asarray(PIL.Image.open(io.BytesIO(content)))
  found = decode_images(tf.constant([bytes(content)]), [32, 32, 3], 'files')
  np.testing.assert_array_equal(found[0], expected)


@pytest.mark.parametrize('channels', [1, 2, 3, 4])
def test_round_trip_of_any_leading_dimensions(channels):
  rng = np.random.default_rng(channels)
  images = rng.integers(0, 256, [2, 3, 6, 5, channels], np.uint8)
  files = encode_images(tf.constant(images))
  assert files.shape == [2, 3]
  found = decode_images(tf.reshape(files, [-1]), [6, 5, channels], 'files')
  np.testing.assert_array_equal(found, images.reshape([-1, 6, 5, channels]))
  assert decode_images(files[0, :0], [6, 5, channels], 'files').shape[0] == 0


@pytest.mark.parametrize(
  ('content', 'sentence'),
  [
    (b'', 'is neither a PNG nor a JPEG file.'),
    (b'GIF89a', 'is neither a PNG nor a JPEG file.'),
    (
      file_of(PIXELS[:, :4]),
      'has the shape [6 4 3] (height, width, channels); this model takes '
      '[6 5 3].',
    ),
    (file_of(PIXELS[:5], 'JPEG'), 'has the shape [5 5 3]'),
    (file_of(PIXELS, mode='RGBA'), 'has the shape [6 5 4]'),
    (file_of(PIXELS[..., 0]), 'has the shape [6 5 1]'),
    (file_of(PIXELS[..., 0], 'JPEG'), 'has the shape [6 5 1]'),
    (file_of(PIXELS, 'JPEG', mode='CMYK'), 'has the shape [6 5 4]'),
    (bomb(20_000, 20_000), 'has the shape [20000 20000 3]'),
    (
      file_of(PIXELS[..., 0].astype(np.uint16)),
      'has 16 bits per channel; this model takes 8.',
    ),
    (
      file_of(PIXELS // 128 * 255, mode='P', transparency=0),
      'has the shape [6 5 4] (height, width, channels); this model takes',
    ),
    (
      file_of(PIXELS, 'JPEG', exif=orientation(6)),
      'is to be turned by its EXIF orientation; this model takes images that '
      'are upright.',
    ),
    (file_of(PIXELS, exif=orientation(3)), 'is to be turned by its EXIF'),
    (
      file_of(PIXELS, 'JPEG', exif=orientation(8, '>')),
      'is to be turned by its EXIF',
    ),
    (bomb(0, 5), 'is damaged and cannot be decoded.'),
    (file_of(PIXELS)[:-40], 'is damaged and cannot be decoded.'),
    (flipped(file_of(PIXELS), 60), 'is damaged and cannot be decoded.'),
    (file_of(PIXELS)[:30], 'is damaged and cannot be decoded.'),
    (file_of(PIXELS, 'JPEG')[:30], 'is damaged and cannot be decoded.'),
    (file_of(PIXELS, 'JPEG')[:-20], 'is damaged and cannot be decoded.'),
  ],
)
def test_other_files_fail_in_a_sentence(content, sentence):
  with pytest.raises(tf.errors.InvalidArgumentError) as error:
    decode([file_of(PIXELS), content])
  assert f'`images_bytes[1]` {sentence}' in error.value.message
