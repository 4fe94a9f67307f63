"""Appends conditions to images as additional channels."""

import tensorflow as tf

__all__ = ['append_condition', 'condition_channels']


def append_condition(network: str, x: tf.Tensor, condition, channels: int):
  """Returns images with the channels of a condition appended.

  A vector [..., K] is the same at every pixel. A map [..., H', W', K] with H' =
  H * f and W' = W * f is averaged over blocks of f x f pixels. The rank
  distinguishes the two: a vector has two dimensions fewer than `x`; a map has
  as many dimensions as `x`. A condition of rank 1 (a vector) or 3 (a map) has
  no batch dimensions and applies to all images. However, if the images have
  rank 5, a condition of rank 3 is a batch of vectors.

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
    raise ValueError(
      f'{network}: `condition` is missing; this network needs a condition of '
      f'{channels} channels. For a flow, use `tfp_cinc.given(flow, condition)`.'
    )
  if x.shape.rank is None or x.shape.rank < 3:
    raise ValueError(
      f'{network}: images have shape {x.shape}; they must be [..., H, W, C].'
    )
  condition = tf.convert_to_tensor(condition, dtype_hint=x.dtype)
  condition = tf.cast(condition, x.dtype)
  rank = condition.shape.rank
  vector_ranks = {1, x.shape.rank - 2}
  if rank not in vector_ranks | {3, x.shape.rank}:
    raise ValueError(
      f'{network}: `condition` has shape {condition.shape} and the images have '
      f'shape {x.shape}; the condition must be a vector [..., {channels}] or a '
      f'map [..., H, W, {channels}], with as many batch dimensions as the '
      'images, or none.'
    )
  if condition.shape[-1] != channels:
    raise ValueError(
      f'{network}: `condition` has shape {condition.shape}; this network needs '
      f'{channels} channels.'
    )
  if rank in vector_ranks:
    condition = condition[..., tf.newaxis, tf.newaxis, :]
  else:
    condition = _block_means(network, x, condition)
  return _concat(network, x, condition)


def _block_means(network, x, condition):
  """Averages a map down to the height and width of `x`."""
  height, width, _ = x.shape[-3:]
  high, wide, channels = condition.shape[-3:]
  if None in (height, width, high, wide):
    raise ValueError(
      f'{network}: `condition` has shape {condition.shape} and the images have '
      f'shape {x.shape}; heights and widths must be known.'
    )
  factor = max(high // height, 1)
  if (high, wide) != (factor * height, factor * width):
    raise ValueError(
      f'{network}: `condition` has shape {condition.shape} and the images have '
      f'shape {x.shape}; its height and width must be the same multiple of '
      'those of the images.'
    )
  if factor == 1:
    return condition
  batch_shape = tf.shape(condition)[:-3]
  blocks = [height, factor, width, factor, channels]
  blocks = tf.reshape(condition, tf.concat([batch_shape, blocks], 0))
  return tf.reduce_mean(blocks, axis=[-4, -2])


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


def condition_channels(network) -> int:
  """Returns the number of channels of a network's condition, 0 for none.

  For an `AutoregressiveNetwork` of TFP the result is 1 if it is conditional.
  """
  if getattr(network, '_conditional', False):
    return 1
  return int(getattr(network, 'condition_channels', 0))
