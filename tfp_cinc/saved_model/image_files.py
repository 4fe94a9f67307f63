"""Conversion between images and the bytes of PNG and JPEG files.

These functions use only TensorFlow, so that exported models can contain them.
"""

import tensorflow as tf

from tfp_cinc.saved_model.requirements import require

__all__ = ['decode_images', 'encode_images']

_PNG, _JPEG = b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff'
# Number of channels of each color type of PNG: gray (0), RGB (2), RGB palette
# (3), gray with alpha (4), RGBA (6); 1 and 5 are not used (PNG specification,
# section 11.2.1).
_PNG_CHANNELS = [1, 0, 3, 3, 2, 0, 4]


def decode_images(contents: tf.Tensor, image_shape, name: str) -> tf.Tensor:
  """Returns the pixels of image files of the given shape.

  Images are neither resized nor converted, and the pixels are those that Pillow
  reads. The size in the header of a file is checked before the file is decoded.
  A file that is damaged or has another shape, format or depth raises
  `tf.errors.InvalidArgumentError`, which names the file. An EXIF orientation is
  ignored.

  Args:
    contents: String `Tensor` [N], the bytes of PNG or JPEG files with 8 bits
      per channel.
    image_shape: Shape [H, W, C] of an image.
    name: Name of the argument, for error messages.

  Returns:
    uint8 `Tensor` [N, H, W, C].
  """

  def decode(item):
    index, content = item
    header = tf.io.decode_raw(content, tf.uint8, fixed_length=26)
    header = tf.cast(tf.ensure_shape(header, [26]), tf.int32)
    is_png, is_jpeg = _starts_with(header, _PNG), _starts_with(header, _JPEG)
    file = f'`{name}[', index, ']`'
    known = require(
      is_png | is_jpeg, *file, ' is neither a PNG nor a JPEG file.'
    )
    with tf.control_dependencies([known]):
      content = tf.identity(content)
    shape = tf.cond(
      is_png,
      lambda: _png_shape(header),
      lambda: _read(tf.io.extract_jpeg_shape, content, tf.zeros([3], tf.int32)),
    )
    depth = tf.where(is_png, header[24], 8)
    checks = [
      require(
        tf.reduce_all(shape > 0), *file, ' is damaged and has no valid size.'
      ),
      require(
        depth <= 8,
        *file,
        ' has ',
        depth,
        ' bits per channel; this model takes 8.',
      ),
      _require_same(shape, image_shape, file),
    ]
    with tf.control_dependencies(checks):
      content = tf.identity(content)
    none = tf.zeros([0, 0, 0], tf.uint8)
    image = tf.cond(
      is_png,
      lambda: _read(tf.io.decode_png, content, none),
      lambda: _read(_decode_jpeg, content, none),
    )
    intact = require(
      tf.size(image) > 0, *file, ' is damaged and cannot be decoded.'
    )
    with tf.control_dependencies([intact]):
      # A transparent color is an alpha channel, but is not in the header.
      same = _require_same(tf.shape(image), image_shape, file)
    with tf.control_dependencies([same]):
      return tf.reshape(image, image_shape)

  return tf.map_fn(
    decode,
    (tf.range(tf.size(contents)), contents),
    fn_output_signature=tf.TensorSpec(image_shape, tf.uint8),
  )


def encode_images(images: tf.Tensor) -> tf.Tensor:
  """Returns the bytes of PNG files.

  Args:
    images: uint8 `Tensor` [..., H, W, C], with C from 1 to 4.

  Returns:
    String `Tensor` [...].
  """
  return tf.ensure_shape(tf.io.encode_png(images), images.shape[:-3])


def _decode_jpeg(content):
  # The inverse transform that is Pillow's default, but not TensorFlow's.
  return tf.io.decode_jpeg(content, dct_method='INTEGER_ACCURATE')


def _read(function, content, default):
  """Returns `function(content)`, or the default if it raises an error.

  A graph cannot catch errors; a data set can leave out the elements that cause
  them.
  """
  result = tf.data.Dataset.from_tensors(content).map(function).ignore_errors()
  return result.reduce(default, lambda _, value: value)


def _require_same(shape, image_shape, file):
  """Returns an operation that fails if a file does not have the right shape."""
  return require(
    tf.reduce_all(tf.equal(shape, image_shape)),
    *file,
    ' has the shape ',
    shape,
    ' (height, width, channels); this model takes ',
    f'[{" ".join(map(str, image_shape))}].',
  )


def _starts_with(header, magic):
  return tf.reduce_all(tf.equal(header[: len(magic)], list(magic)))


def _png_shape(header):
  """Returns [height, width, channels] from the IHDR chunk of a PNG file."""
  places = tf.constant([2**24, 2**16, 2**8, 1])
  width = tf.reduce_sum(header[16:20] * places)
  height = tf.reduce_sum(header[20:24] * places)
  kind = tf.minimum(header[25], len(_PNG_CHANNELS) - 1)
  return tf.stack([height, width, tf.gather(_PNG_CHANNELS, kind)])
