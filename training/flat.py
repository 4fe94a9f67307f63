"""Many tensors as one vector: an operation for all, not several for each."""

import tensorflow as tf

__all__ = ['join', 'split']


def join(tensors) -> tf.Tensor:
  """All elements one after the other.

  Args:
    tensors: tensors or Variables of one dtype, with static shapes.

  Returns:
    Vector [N], N the number of all elements.
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
  """The inverse of `join`.

  Args:
    vector: [N].
    like: tensors or Variables that have the shapes.

  Returns:
    List of tensors.
  """
  parts = tf.split(vector, [tensor.shape.num_elements() for tensor in like])
  return [
    part if tensor.shape.rank == 1 else tf.reshape(part, tensor.shape)
    for part, tensor in zip(parts, like, strict=True)
  ]
