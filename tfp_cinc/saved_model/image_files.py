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

  Images are neither resized nor converted. The size in the header of a file is
  checked before the file is decoded. A file of another shape, format or depth
  raises `tf.errors.InvalidArgumentError`.

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
      lambda: tf.io.extract_jpeg_shape(content),
    )
    depth = tf.where(is_png, header[24], 8)
    taken = ' '.join(map(str, image_shape))
    checks = [
      require(
        depth <= 8,
        *file,
        ' has ',
        depth,
        ' bits per channel; this model takes 8.',
      ),
      require(
        tf.reduce_all(tf.equal(shape, image_shape)),
        *file,
        ' has the shape ',
        shape,
        f' (height, width, channels); this model takes [{taken}].',
      ),
    ]
    with tf.control_dependencies(checks):
      content = tf.identity(content)
    image = tf.io.decode_image(content, expand_animations=False)
    return tf.ensure_shape(image, image_shape)

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


def _starts_with(header, magic):
  return tf.reduce_all(tf.equal(header[: len(magic)], list(magic)))


def _png_shape(header):
  """Returns [height, width, channels] from the IHDR chunk of a PNG file."""
  places = tf.constant([2**24, 2**16, 2**8, 1])
  width = tf.reduce_sum(header[16:20] * places)
  height = tf.reduce_sum(header[20:24] * places)
  kind = tf.minimum(header[25], len(_PNG_CHANNELS) - 1)
  return tf.stack([height, width, tf.gather(_PNG_CHANNELS, kind)])
