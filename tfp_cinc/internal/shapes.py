"""Checks of shapes that would otherwise go wrong without a word."""

import tensorflow as tf

__all__ = ['check_channels']


def check_channels(layer: str, x: tf.Tensor, channels: int) -> None:
  """Raises `ValueError` where the last dimension of `x` is not `channels`."""
  if x.shape.rank is not None and x.shape[-1] not in (None, channels):
    raise ValueError(
      f'{layer}: the input has shape {x.shape}; this layer is for {channels} '
      'channels.'
    )
