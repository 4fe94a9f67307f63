"""Images as sequences of tokens."""

import tensorflow as tf

__all__ = ['ORDERS', 'as_image', 'as_tokens', 'static_size']

ORDERS = ('raster', 'reversed')


def static_size(name: str, images: tf.Tensor) -> tuple[int, int]:
  """Returns the height and the width of images [..., H, W, C].

  Args:
    name: Name of the network, for the error message.
    images: `Tensor` [..., H, W, C].

  Raises:
    ValueError: If they are unknown.
  """
  height, width = images.shape[-3:-1]
  if None in (height, width):
    raise ValueError(
      f'{name}: images have shape {images.shape}; their height and width must '
      'be known.'
    )
  return height, width


def as_tokens(images: tf.Tensor, order: str = 'raster') -> tf.Tensor:
  """Returns the pixels of images in order.

  Args:
    images: `Tensor` [..., H, W, C]; H and W must be known.
    order: 'raster', or 'reversed' to start with the last pixel.

  Returns:
    `Tensor` [N, H * W, C]; N is the number of images.
  """
  height, width, channels = images.shape[-3:]
  tokens = tf.reshape(images, [-1, height * width, channels])
  return tf.reverse(tokens, [1]) if order == 'reversed' else tokens


def as_image(tokens: tf.Tensor, like: tf.Tensor, order: str) -> tf.Tensor:
  """Undoes `as_tokens`.

  Args:
    tokens: `Tensor` [N, H * W, C].
    like: `Tensor` [..., H, W, C'], images of the same batch shape and size.
    order: As in `as_tokens`.

  Returns:
    `Tensor` [..., H, W, C].
  """
  if order == 'reversed':
    tokens = tf.reverse(tokens, [1])
  channels = tokens.shape[-1]
  shape = tf.concat([tf.shape(like)[:-1], [channels]], 0)
  return tf.ensure_shape(
    tf.reshape(tokens, shape), [*like.shape[:-1], channels]
  )
