"""Checks and conversions of the data of a `FlowModel`."""

import functools

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_cinc.conditioning import is_conditional, num_condition_channels

__all__ = [
  'as_condition',
  'check_data',
  'first_batch',
  'is_array',
  'kept_by_keras',
  'one_weight_each',
  'split_batch',
]


def split_batch(flow, x, y=None):
  """Returns the images of a batch and the condition that the flow takes.

  Args:
    flow: Flow of a `FlowModel`.
    x: Images, or (images, condition): arrays, tensors or `tf.TensorSpec`s.
    y: Condition, if `x` has only images. It is ignored if the flow takes none.

  Returns:
    (images, condition): the condition is None for a flow that takes none.

  Raises:
    ValueError: If the images are not uint8 of the shape of the flow, or if the
      condition is missing, not expected, or not a batch.
  """
  pair = isinstance(x, tuple | list)
  images, condition = x if pair and len(x) == 2 else (x, y)
  shape = [None, *flow.event_shape]
  if not hasattr(images, 'dtype') or not hasattr(images, 'shape'):
    raise ValueError(
      f'the images are of type {type(images).__name__}; a FlowModel takes a '
      f'uint8 array or `Tensor` of shape {shape}, or batches of this shape.'
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
        f'the flow {flow.name} takes no condition; pass only images.'
      )
    return images, None
  if condition is None:
    raise ValueError(
      f'the flow {flow.name} is conditional; pass (images, condition).'
    )
  shape = tf.TensorShape(condition.shape)
  if tf.as_dtype(condition.dtype).is_integer:
    if shape.rank not in (None, 1) and shape[1:] != [1]:
      raise ValueError(
        f'the labels have shape {shape}; they must be [N], and conditions of '
        'another kind must be floating.'
      )
  # [N] would be taken for one vector for all images if N happens to equal K.
  elif shape.rank not in (None, 2, 4):
    raise ValueError(
      f'the condition has shape {shape}; it must be integer labels [N], '
      'floating [N, K], or a floating map [N, H, W, K].'
    )
  return images, condition


def as_condition(condition, dtype) -> tf.Tensor:
  """Returns a condition as `tfp_cinc.given` takes it.

  Args:
    condition: Labels [N] or Keras's [N, 1], or a floating condition.
    dtype: Dtype of the flow, for a floating condition.

  Returns:
    `Tensor`.
  """
  condition = tf.convert_to_tensor(condition)
  if condition.dtype.is_integer:
    return tf.reshape(condition, [-1])
  return tf.cast(condition, dtype)


def check_data(flow, x, y=None, class_weight=None) -> None:
  """Raises `ValueError` for wrong data, before Keras traces anything.

  Args:
    flow: Flow of a `FlowModel`.
    x: Images, (images, condition) or a `tf.data.Dataset`. Other data that Keras
      accepts is checked later, batch by batch.
    y: Condition, or None.
    class_weight: Weights of the classes in `y`, or None.
  """
  if isinstance(x, tf.data.Dataset):
    x, y, _ = tf_keras.utils.unpack_x_y_sample_weight(x.element_spec)
    y = y if hasattr(y, 'shape') else None  # the specification of None
  if is_array(x) or isinstance(x, tuple | list | dict | tf.TensorSpec):
    _, condition = split_batch(flow, x, y)
    _check_labels(flow, condition)
    if class_weight and y is None:
      raise ValueError(
        '`class_weight` is given without the labels `y`; pass `sample_weight`, '
        'one weight for each image.'
      )


def _check_labels(flow, condition):
  """Raises `ValueError` if known labels are out of range."""
  if not is_array(condition):
    return
  labels = np.asarray(condition)
  classes = num_condition_channels(flow)
  if labels.dtype.kind not in 'iu' or not labels.size:
    return
  if labels.min() < 0 or labels.max() >= classes:
    raise ValueError(
      f'the labels are from {labels.min()} to {labels.max()}; those of '
      f'{flow.name} are from 0 to {classes - 1}.'
    )


def first_batch(x, y, number: int):
  """Returns some images of a data set or an array, with their conditions.

  These are the first images of a data set, or randomly chosen images of an
  array.

  Args:
    x: Data, as in `check_data`.
    y: Condition, or None.
    number: Maximum number of images.

  Returns:
    (x, y) for these images.

  Raises:
    ValueError: If `x` is neither an array nor a `tf.data.Dataset`, or is empty.
  """
  if isinstance(x, tf.data.Dataset):
    batches = x.take(number).unbatch().take(number).batch(number)
    for batch in batches:
      return tf_keras.utils.unpack_x_y_sample_weight(batch)[:2]
    raise ValueError('the data set is empty.')
  if not is_array(x) and not isinstance(x, tuple | list):
    raise ValueError(
      'the flow is not initialized: pass an array or a `tf.data.Dataset` to '
      '`fit`, or call `tfp_cinc.initialize_from_data` first.'
    )
  # Random images, because an array may be sorted, for example by its labels.
  size = len(tf.nest.flatten(x)[0])
  if not size:
    raise ValueError('there are no images.')
  some = np.random.default_rng(0).permutation(size)[:number]
  return tf.nest.map_structure(
    lambda part: None if part is None else tf.gather(part, some), (x, y)
  )


def kept_by_keras(flow, x, y=None, sample_weight=None):
  """Returns data of which Keras keeps the weights and the precision.

  Keras drops the sample weights of data without targets. They are therefore
  used as targets too, which a `FlowModel` ignores. It also casts NumPy arrays
  to its `floatx`. Arrays for which this would be another dtype than that of the
  flow therefore become tensors.

  Args:
    flow: Flow of a `FlowModel`.
    x: Images, (images, condition), or batches of any kind that Keras accepts.
    y: Condition, or None.
    sample_weight: Weights [N] of the images, an array or a list; or None.

  Returns:
    (x, y, sample_weight) to pass to Keras.

  Raises:
    ValueError: If there are weights, but not the condition that the flow takes.
      For a generator this happens while it is read.
  """
  if isinstance(x, tf_keras.utils.Sequence):
    return _Sequence(x, flow), y, sample_weight
  if hasattr(x, '__next__'):
    return map(functools.partial(_kept_batch, flow), x), y, sample_weight
  if isinstance(sample_weight, list | tuple):
    sample_weight = np.asarray(sample_weight, np.float64)
  if y is None and sample_weight is not None:
    split_batch(flow, x)
    y = sample_weight
  return tf.nest.map_structure(
    lambda part: _in_dtype(part, flow.dtype), (x, y, sample_weight)
  )


def _kept_batch(flow, batch):
  """Returns a batch of a generator, see `kept_by_keras`."""
  data = tf_keras.utils.unpack_x_y_sample_weight(batch)
  return tf_keras.utils.pack_x_y_sample_weight(*kept_by_keras(flow, *data))


class _Sequence(tf_keras.utils.Sequence):
  """The batches of a `tf_keras.utils.Sequence`, see `kept_by_keras`."""

  def __init__(self, batches, flow):
    self._batches, self._flow = batches, flow

  def __len__(self):
    return len(self._batches)

  def __getitem__(self, index):
    return _kept_batch(self._flow, self._batches[index])

  def on_epoch_end(self):
    self._batches.on_epoch_end()


def _in_dtype(part, dtype):
  """Returns a floating array in a dtype in which Keras leaves it."""
  if not isinstance(part, np.ndarray) or part.dtype.kind != 'f':
    return part
  if dtype.name == tf_keras.backend.floatx():
    return part.astype(dtype.as_numpy_dtype, copy=False)
  return tf.cast(part, dtype)


def one_weight_each(weight: tf.Tensor) -> tf.Tensor:
  """Returns weights [N], given weights [N] or Keras's [N, 1].

  Raises:
    ValueError: If the weights have another shape.
  """
  if weight.shape.rank == 2 and weight.shape[-1] == 1:
    return weight[:, 0]
  if weight.shape.rank not in (None, 1):
    raise ValueError(
      f'`sample_weight` has shape {weight.shape}; it must be [N], one weight '
      'for each image.'
    )
  return weight


def is_array(x) -> bool:
  """Returns whether `x` is an array or a `Tensor`."""
  return isinstance(x, np.ndarray | tf.Tensor)
