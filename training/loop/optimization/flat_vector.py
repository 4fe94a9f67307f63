"""Many tensors as one vector, so that one operation applies to all."""

import tensorflow as tf

__all__ = ['join', 'split']


def join(tensors) -> tf.Tensor:
  """Concatenates the elements of all tensors.

  Args:
    tensors: Tensors or Variables of one dtype, with static shapes.

  Returns:
    Vector [N] with N the total number of elements.
  """
  shape = tf.constant([-1])
  return tf.concat(
    [
      tensor if tensor.shape.rank == 1 else tf.reshape(tensor, shape)
      for tensor in tensors
    ],
    axis=0,
  )


def split(vector: tf.Tensor, like) -> list[tf.Tensor]:
  """Splits a vector into tensors; the inverse of `join`.

  Args:
    vector: [N].
    like: Tensors or Variables whose shapes to use.

  Returns:
    List of tensors.
  """
  parts = tf.split(vector, [tensor.shape.num_elements() for tensor in like])
  return [
    part if tensor.shape.rank == 1 else tf.reshape(part, tensor.shape)
    for part, tensor in zip(parts, like, strict=True)
  ]
