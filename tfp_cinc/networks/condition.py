"""Conditions of image networks, as additional channels of the images."""

import numpy as np
import tensorflow as tf

__all__ = [
  'append_condition',
  'condition_channels',
  'condition_vector',
  'convolve_equal_pixels',
  'missing_condition',
]


def append_condition(network: str, x: tf.Tensor, condition, channels: int):
  """Returns images with the channels of a condition appended.

  A condition of rank 1 or 2 is a vector [..., K], which is the same at every
  pixel. A condition of a higher rank is a map [..., H', W', K]. It is resized
  to the images by an integer factor f: with H' = H * f and W' = W * f it is
  averaged over blocks of f x f pixels; with H = H' * f and W = W' * f each of
  its pixels is repeated f x f times. A map of one pixel is a vector.

  Args:
    network: Name of the network, for error messages.
    x: Floating `Tensor` [..., H, W, C].
    condition: Numeric `Tensor` as above, or None. Its batch shape must
      broadcast with that of `x`.
    channels: Number of channels K of the condition, 0 for none.

  Returns:
    `Tensor` [..., H, W, C + K] of the dtype of `x`, or `x` itself if K = 0.

  Raises:
    ValueError: If `condition` is not as described above.
  """
  if not channels:
    if condition is not None:
      raise ValueError(
        f'{network}: `condition` is given; this network takes none, because '
        'its `condition_channels` is 0.'
      )
    return x
  if condition is None:
    raise ValueError(missing_condition(network, channels))
  if x.shape.rank is None or x.shape.rank < 3:
    raise ValueError(
      f'{network}: images have shape {x.shape}; they must be [..., H, W, C].'
    )
  condition = tf.convert_to_tensor(condition, dtype_hint=x.dtype)
  condition = tf.cast(condition, x.dtype)
  rank = condition.shape.rank
  if not rank or rank > max(x.shape.rank, 3):
    raise ValueError(
      f'{network}: `condition` has shape {condition.shape} and the images have '
      f'shape {x.shape}; the condition must be a vector [{channels}] or '
      f"[N, {channels}], or a map [..., H', W', {channels}] with at most as "
      'many batch dimensions as the images.'
    )
  if condition.shape[-1] != channels:
    raise ValueError(
      f'{network}: `condition` has shape {condition.shape}; this network needs '
      f'{channels} channels.'
    )
  if rank < 3:
    condition = condition[..., tf.newaxis, tf.newaxis, :]
  elif condition.shape[-3:-1] != [1, 1]:
    condition = _resized(network, x, condition)
  return _concat(network, x, condition)


def missing_condition(network: str, channels: int) -> str:
  """Returns the message of the error that a condition is missing."""
  return (
    f'{network}: `condition` is missing; this network needs a condition of '
    f'{channels} channels. For a flow, use `tfp_cinc.given(flow, condition)`.'
  )


def _resized(network, x, condition):
  """Resizes a map to the height and width of `x` by an integer factor."""
  height, width, _ = x.shape[-3:]
  high, wide, channels = condition.shape[-3:]
  if None in (height, width, high, wide):
    raise ValueError(
      f'{network}: `condition` has shape {condition.shape} and the images have '
      f'shape {x.shape}; heights and widths must be known.'
    )
  factor = max(high // height, height // high)
  is_larger = (high, wide) == (factor * height, factor * width)
  if not is_larger and (height, width) != (factor * high, factor * wide):
    raise ValueError(
      f'{network}: `condition` has shape {condition.shape} and the images have '
      f'shape {x.shape}; its height and width must be the same multiple, or '
      'the same fraction, of those of the images.'
    )
  if factor == 1:
    return condition
  batch_shape, static = tf.shape(condition)[:-3], condition.shape[:-3]
  # The pixels of a block are the second and the fourth dimension.
  block = factor if is_larger else 1
  sizes = [high // block, block, wide // block, block, channels]
  blocks = tf.reshape(condition, tf.concat([batch_shape, sizes], 0))
  if is_larger:
    return tf.reduce_mean(blocks, axis=[-4, -2])
  sizes = [high, factor, wide, factor, channels]
  blocks = tf.broadcast_to(blocks, tf.concat([batch_shape, sizes], 0))
  sizes = [height, width, channels]
  repeated = tf.reshape(blocks, tf.concat([batch_shape, sizes], 0))
  return tf.ensure_shape(repeated, [*static, *sizes])


def _concat(network, x, condition):
  """Concatenates channels; both arguments broadcast over batch and pixels."""
  try:
    static = tf.broadcast_static_shape(x.shape[:-1], condition.shape[:-1])
  except ValueError:
    raise ValueError(
      f'{network}: the batch shape {condition.shape[:-3]} of `condition` does '
      f'not broadcast with {x.shape[:-3]}, that of the images.'
    ) from None
  shape = tf.broadcast_dynamic_shape(tf.shape(x)[:-1], tf.shape(condition)[:-1])
  parts = [
    tf.broadcast_to(part, tf.concat([shape, tf.shape(part)[-1:]], 0))
    for part in (x, condition)
  ]
  channels = x.shape[-1] + condition.shape[-1]
  return tf.ensure_shape(tf.concat(parts, -1), [*static, channels])


def condition_vector(x: tf.Tensor, condition, channels: int):
  """Returns a condition [..., K] if it is a valid vector, else None.

  Args:
    x: Floating `Tensor` [..., H, W, C].
    condition: As in `append_condition`, which raises an error if it is invalid.
    channels: Number of channels K of the condition.
  """
  if condition is None or not channels or (x.shape.rank or 0) < 3:
    return None
  condition = tf.convert_to_tensor(condition, dtype_hint=x.dtype)
  rank = condition.shape.rank
  is_pixel = rank > 2 and condition.shape[-3:-1] == [1, 1]
  if not rank or rank > x.shape.rank or (rank > 2 and not is_pixel):
    return None
  vector = condition[..., 0, 0, :] if is_pixel else condition
  batch, own = vector.shape[:-1], x.shape[:-3]
  pairs = zip(batch[::-1], own[::-1], strict=False)
  fits = batch.rank <= own.rank and all(a in (1, b) for a, b in pairs)
  if not fits or vector.shape[-1] != channels or None in x.shape[-3:]:
    return None
  return tf.cast(vector, x.dtype)


def convolve_equal_pixels(vector, kernel, size):
  """Returns the convolution of images whose pixels all equal a vector.

  Args:
    vector: `Tensor` [..., K].
    kernel: `Tensor` [k, k, K, C_out].
    size: Height and width of the images.

  Returns:
    `Tensor` [..., H, W, C_out].
  """
  taps, channels = kernel.shape[0], kernel.shape[-1]
  offsets = np.arange(taps) - (taps - 1) // 2
  inside = []  # whether a tap of a pixel is inside, by row and by column
  for length in size:
    place = np.arange(length)[:, np.newaxis] + offsets
    inside.append((place >= 0) & (place < length))
  inside = np.einsum('ha,wb->hwab', *inside).reshape([-1, taps * taps])
  of_taps = tf.tensordot(vector, kernel, [[-1], [2]])
  batch_shape = tf.shape(vector)[:-1]
  of_taps = tf.reshape(
    of_taps, tf.concat([batch_shape, [taps * taps, channels]], 0)
  )
  sums = tf.matmul(tf.constant(inside, kernel.dtype), of_taps)
  sums = tf.reshape(sums, tf.concat([batch_shape, [*size, channels]], 0))
  return tf.ensure_shape(sums, [*vector.shape[:-1], *size, channels])


def condition_channels(network) -> int:
  """Returns the number of channels of a network's condition, 0 for none.

  The network can also be an `AutoregressiveNetwork` of TFP.
  """
  if getattr(network, '_conditional', False):
    return int(network._conditional_size)
  return int(getattr(network, 'condition_channels', 0))
