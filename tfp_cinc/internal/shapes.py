"""Shape checks, and functions of images with any batch shape."""

import numbers
from collections.abc import Callable, Sequence

import tensorflow as tf

__all__ = [
  'as_image_shape',
  'check_bias',
  'check_channels',
  'check_events',
  'check_sizes',
  'on_image_batch',
]


def check_bias(bias: tf.Tensor | None, channels: int) -> None:
  """Raises `ValueError` if a bias is given and its shape is not [channels]."""
  if bias is not None and not bias.shape.is_compatible_with([channels]):
    raise ValueError(
      f'`bias` has shape {bias.shape}; with a kernel of {channels} channels it '
      f'must be [{channels}].'
    )


def check_channels(layer: str, x: tf.Tensor, channels: int) -> None:
  """Raises `ValueError` if the last dimension of `x` is not `channels`."""
  if x.shape.rank is not None and x.shape[-1] not in (None, channels):
    raise ValueError(
      f'{layer}: the input has shape {x.shape}; this layer is for {channels} '
      'channels.'
    )


def as_image_shape(image_shape: Sequence[int]) -> list[int]:
  """Returns [H, W, C] as integers, or raises `ValueError`."""
  image_shape = [int(size) for size in image_shape]
  if len(image_shape) != 3 or min(image_shape) < 1:
    raise ValueError(f'`image_shape` is {image_shape}; it must be [H, W, C].')
  return image_shape


def check_events(flow, values, name: str) -> tf.Tensor:
  """Checks events of a flow and casts them to its dtype.

  Args:
    flow: A distribution.
    values: Floating `Tensor` [N, *event_shape].
    name: Name of the argument, for error messages.

  Returns:
    `values` in the dtype of the flow.

  Raises:
    ValueError: If the values are not floating or their shape is invalid.
  """
  values = tf.convert_to_tensor(values)
  if not values.dtype.is_floating:
    raise ValueError(
      f'`{name}` are {values.dtype.name}; a flow takes floating values in '
      '[-0.5, 0.5]: use `tfp_cinc.dequantize` on uint8 pixels.'
    )
  expected = [None, *flow.event_shape.as_list()]
  if not values.shape.is_compatible_with(expected):
    sizes = ', '.join(map(str, ['N', *expected[1:]]))
    raise ValueError(
      f'`{name}` have shape {values.shape}; the flow takes [{sizes}].'
    )
  return tf.cast(tf.ensure_shape(values, expected), flow.dtype)


def check_sizes(**sizes: int) -> None:
  """Raises `ValueError` unless each named size is an integer of at least 1."""
  for name, size in sizes.items():
    if not isinstance(size, numbers.Integral):
      raise ValueError(f'`{name}` is {size!r}; it must be an integer.')
    if size < 1:
      raise ValueError(f'`{name}` is {size}; it must be at least 1.')


def on_image_batch(
  function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor
) -> tf.Tensor:
  """Applies a function of [N, H, W, C] to [..., H, W, C].

  Args:
    function: Function from [N, H, W, C] to [N, H', W', C'].
    x: `Tensor` [..., H, W, C] of any batch rank, including 0.

  Returns:
    `Tensor` [..., H', W', C'].

  Raises:
    ValueError: If `x` has fewer than three dimensions.
  """
  if x.shape.rank == 4:
    return _on_any_number(function, x)
  if x.shape.rank is None or x.shape.rank < 3:
    raise ValueError(
      f'images have shape {x.shape}; they must be [..., H, W, C].'
    )
  batch_shape = tf.shape(x)[:-3]
  flat = tf.reshape(x, tf.concat([[-1], tf.shape(x)[-3:]], 0))
  flat = tf.ensure_shape(flat, [None, *x.shape[-3:]])
  result = _on_any_number(function, flat)
  shape = tf.concat([batch_shape, tf.shape(result)[1:]], 0)
  static_shape = x.shape[:-3].concatenate(result.shape[1:])
  return tf.ensure_shape(tf.reshape(result, shape), static_shape)


def _on_any_number(function, images):
  """Calls a function of [N, H, W, C], also for N = 0.

  TensorFlow's convolutions return a wrong shape if there is no image.
  """
  if images.shape[0]:
    return function(images)
  count = tf.shape(images)[0]
  missing = tf.cast(tf.equal(count, 0), tf.int32)
  padded = tf.pad(images, [[0, missing], [0, 0], [0, 0], [0, 0]])
  return function(padded)[:count]
