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
# The tag 0x0112 of EXIF, the orientation, of type 3, with one value other than
# 1, in little-endian and big-endian order. \C is any byte.
_TURNED = (
  r'\C*(\x12\x01\x03\x00\x01\x00\x00\x00[\x02-\x08]\x00'
  r'|\x01\x12\x00\x03\x00\x00\x00\x01\x00[\x02-\x08])\C*'
)
_EXIF_BYTES = 4096  # at the beginning of a file, where the tag is looked for


def decode_images(contents: tf.Tensor, image_shape, name: str) -> tf.Tensor:
  """Returns the pixels of image files of the given shape.

  Images are neither resized nor converted, and the pixels are those that Pillow
  reads. The size in the header of a file is checked before the file is decoded.
  A file that is damaged, is to be turned by its EXIF orientation, or has
  another shape, format or depth raises `tf.errors.InvalidArgumentError`, which
  names the file.

  Args:
    contents: String `Tensor` [N], the bytes of PNG or JPEG files with 8 bits
      per channel.
    image_shape: Shape [H, W, C] of an image.
    name: Name of the argument, for error messages.

  Returns:
    uint8 `Tensor` [N, H, W, C].
  """

  def decode(item):
    index, content, shape = item
    header = _header(content)
    is_png, is_jpeg = _starts_with(header, _PNG), _starts_with(header, _JPEG)
    depth = tf.where(is_png, header[24], 8)
    file = f'`{name}[', index, ']`'
    taken = ' '.join(map(str, image_shape))
    requirements = [
      (is_png | is_jpeg, ' is neither a PNG nor a JPEG file.'),
      (tf.reduce_all(shape > 0), ' is damaged and cannot be decoded.'),
      (
        ~_is_turned(content),
        ' is to be turned by its EXIF orientation; this model takes images '
        'that are upright.',
      ),
      (depth <= 8, ' has ', depth, ' bits per channel; this model takes 8.'),
      (
        tf.reduce_all(tf.equal(shape, image_shape)),
        ' has the shape ',
        shape,
        f' (height, width, channels); this model takes [{taken}].',
      ),
    ]
    checks = []
    for condition, *sentence in requirements:
      with tf.control_dependencies(checks):  # only the first one fails
        checks = [require(condition, *file, *sentence)]
    with tf.control_dependencies(checks):
      return tf.reshape(_decode(tf.identity(content), is_png), image_shape)

  return tf.map_fn(
    decode,
    (tf.range(tf.size(contents)), contents, _shapes(contents, image_shape)),
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


def _shapes(contents, image_shape):
  """Returns the shape [N, 3] of each file, 0 for files that are damaged.

  A graph cannot catch errors, but a data set can leave out the elements that
  cause them.
  """

  def shape_of(index, content):
    header = _header(content)
    is_png = _starts_with(header, _PNG)
    shape = tf.cond(
      is_png,
      lambda: _png_shape(header),
      lambda: tf.io.extract_jpeg_shape(content),
    )
    # A transparent color becomes an alpha channel, which no header mentions.
    shape = tf.cond(
      tf.reduce_all(tf.equal(shape, image_shape)),
      lambda: tf.shape(_decode(content, is_png)),
      lambda: shape,
    )
    return index, shape

  number = tf.size(contents)
  intact = (
    tf.data.Dataset.from_tensor_slices((tf.range(number), contents))
    .map(shape_of)
    .ignore_errors()
    .batch(tf.cast(tf.maximum(number, 1), tf.int64))
  )
  none = tf.zeros([0], tf.int32), tf.zeros([0, 3], tf.int32)
  # The first element is the only batch, or `none` if there is no intact file.
  first = intact.concatenate(tf.data.Dataset.from_tensors(none)).take(1)
  indices, shapes = first.get_single_element()
  return tf.scatter_nd(indices[:, tf.newaxis], shapes, [number, 3])


def _decode(content, is_png):
  return tf.cond(
    is_png,
    lambda: tf.io.decode_png(content),
    # The inverse transform that is Pillow's default, but not TensorFlow's.
    lambda: tf.io.decode_jpeg(content, dct_method='INTEGER_ACCURATE'),
  )


def _header(content):
  header = tf.io.decode_raw(content, tf.uint8, fixed_length=26)
  return tf.cast(tf.ensure_shape(header, [26]), tf.int32)


def _is_turned(content):
  start = tf.strings.substr(content, 0, _EXIF_BYTES)
  return tf.strings.regex_full_match(start, _TURNED)


def _starts_with(header, magic):
  return tf.reduce_all(tf.equal(header[: len(magic)], list(magic)))


def _png_shape(header):
  """Returns [height, width, channels] from the IHDR chunk of a PNG file."""
  places = tf.constant([2**24, 2**16, 2**8, 1])
  width = tf.reduce_sum(header[16:20] * places)
  height = tf.reduce_sum(header[20:24] * places)
  kind = tf.minimum(header[25], len(_PNG_CHANNELS) - 1)
  return tf.stack([height, width, tf.gather(_PNG_CHANNELS, kind)])
