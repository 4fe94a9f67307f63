"""What a `FlowModel` is given: images, conditions, data sets of them."""

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_cinc.conditioning import is_conditional

__all__ = [
  'check_data',
  'first_batch',
  'is_array',
  'one_weight_each',
  'split_batch',
  'weighted_targets',
]


def split_batch(flow, x, y=None):
  """The images of a batch and the condition that the flow takes.

  Args:
    flow: of a `FlowModel`.
    x: images, or (images, condition): arrays, `Tensor`s or `tf.TensorSpec`s.
    y: condition, where `x` is images alone; ignored where the flow takes none.

  Returns:
    (images, condition), None for a flow that takes none.

  Raises:
    ValueError: if the images are not uint8 of the flow's shape, or the
      condition is missing or not a batch of its own.
  """
  pair = isinstance(x, tuple | list)
  images, condition = x if pair and len(x) == 2 else (x, y)
  shape = [None, *flow.event_shape]
  if not hasattr(images, 'dtype') or not hasattr(images, 'shape'):
    raise ValueError(
      f'the images are of type {type(images).__name__}; a FlowModel takes a '
      f'uint8 array or `Tensor` of shape {shape}, or batches of it.'
    )
  dtype = tf.as_dtype(images.dtype)
  if dtype != tf.uint8:
    raise ValueError(
      f'the images are {dtype.name}; a FlowModel takes uint8 pixels, 0 to 255.'
    )
  if not tf.TensorShape(images.shape).is_compatible_with(shape):
    raise ValueError(
      f'the images have shape {tf.TensorShape(images.shape)}; this flow takes '
      f'{tf.TensorShape(shape)}.'
    )
  if not is_conditional(flow):
    if pair:
      raise ValueError(
        f'the flow {flow.name} takes no condition; give it images alone.'
      )
    return images, None
  if condition is None:
    raise ValueError(
      f'the flow {flow.name} is conditional; give it (images, condition).'
    )
  # [N] would count as one vector for all images where N happens to be K.
  if tf.TensorShape(condition.shape).rank not in (None, 2, 4):
    raise ValueError(
      f'the condition has shape {tf.TensorShape(condition.shape)}; it must be '
      '[N, K], such as `tf.one_hot(labels, K)`, or a map [N, H, W, K].'
    )
  return images, condition


def check_data(flow, x, y=None) -> None:
  """Raises `ValueError` for wrong data, before Keras traces anything.

  Args:
    flow: of a `FlowModel`.
    x: images, (images, condition) or a `tf.data.Dataset`. What else Keras takes
      is checked batch by batch, as it comes.
    y: condition, or None.
  """
  if isinstance(x, tf.data.Dataset):
    x, y, _ = tf_keras.utils.unpack_x_y_sample_weight(x.element_spec)
  if is_array(x) or isinstance(x, tuple | list | dict | tf.TensorSpec):
    split_batch(flow, x, y)


def first_batch(x, y, number: int):
  """The first images of a data set, or some of an array, with conditions.

  Args:
    x: as in `check_data`.
    y: condition, or None.
    number: how many at most.

  Returns:
    (x, y) of those.

  Raises:
    ValueError: if `x` is neither arrays nor a `tf.data.Dataset`, or is empty.
  """
  if isinstance(x, tf.data.Dataset):
    batches = x.take(number).unbatch().take(number).batch(number)
    for batch in batches:
      return tf_keras.utils.unpack_x_y_sample_weight(batch)[:2]
    raise ValueError('the data set is empty.')
  if not is_array(x) and not isinstance(x, tuple | list):
    raise ValueError(
      'the flow is not initialized: give `fit` an array or a '
      '`tf.data.Dataset`, or call `tfp_cinc.initialize_from_data` before.'
    )
  # Not the first: an array may be sorted, by its labels say.
  size = len(tf.nest.flatten(x)[0])
  if not size:
    raise ValueError('there are no images.')
  some = np.random.default_rng(0).permutation(size)[:number]
  return tf.nest.map_structure(
    lambda part: None if part is None else tf.gather(part, some), (x, y)
  )


def weighted_targets(y, sample_weight):
  """`y`, or in its place what makes Keras keep weights.

  It drops the weights of arrays that have no targets; a `FlowModel` looks at
  none, so that any will do.
  """
  return sample_weight if y is None else y


def one_weight_each(weight: tf.Tensor) -> tf.Tensor:
  """Weights [N] of [N] or, as Keras makes them of a column, [N, 1]."""
  if weight.shape.rank == 2 and weight.shape[-1] == 1:
    return weight[:, 0]
  if weight.shape.rank not in (None, 1):
    raise ValueError(
      f'`sample_weight` has shape {weight.shape}; it must be [N], a weight for '
      'each image.'
    )
  return weight


def is_array(x) -> bool:
  """Whether `x` is one array or `Tensor`."""
  return isinstance(x, np.ndarray | tf.Tensor)
