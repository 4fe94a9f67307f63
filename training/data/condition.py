"""The condition of each image of a conditional flow."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfp_cinc.saved_model.condition_input import ConditionInput

from ..errors import UserError
from .randomness import MASK, uniform

__all__ = [
  'Condition',
  'find_condition',
  'held_out_conditions',
  'held_out_inputs',
  'low_resolution',
]

# The height and width of the hole of a mask, as fractions of those of an image.
_SMALLEST_HOLE, _LARGEST_HOLE = 0.25, 0.75


@dataclasses.dataclass(frozen=True)
class Condition:
  """What a flow is conditioned on, and how it follows from a data set.

  Attributes:
    input: `ConditionInput`, what an exported flow takes.
    image_shape: (H, W, C).
    num_bits: Bits per channel.
    label_names: Names of the classes or attributes; None if they have no names.
  """

  input: ConditionInput
  image_shape: tuple[int, int, int]
  num_bits: int
  label_names: tuple[str, ...] | None = None

  @property
  def shape(self) -> tuple[int, ...]:
    """Shape of the condition of one image: [K], or [H', W', K] for a map."""
    return self.input.shape

  @property
  def channels(self) -> int:
    """Number of channels K."""
    return self.shape[-1]

  @property
  def num_classes(self) -> int | None:
    """Number of classes; None if the condition is not a class."""
    return self.channels if self.input.kind == 'label' else None

  @property
  def class_names(self) -> tuple[str, ...]:
    """Names of the classes, which are their numbers if they have no names."""
    return self.label_names or tuple(map(str, range(self.num_classes)))

  @property
  def takes_labels(self) -> bool:
    """Whether the condition follows from the label of an image."""
    return len(self.shape) == 1

  @property
  def num_chances(self) -> int:
    """Number of random numbers that the condition of one image takes."""
    return 4 if self.input.kind == 'mask' else 0

  def check_labels(self, labels: np.ndarray | None) -> np.ndarray | None:
    """Returns the labels of a split if the condition follows from them.

    Args:
      labels: int64 [N] classes or [N, A] attributes; None if there are none.

    Returns:
      The labels, or None if the condition does not depend on them.

    Raises:
      UserError: If there are no labels, or one of them is out of range.
    """
    if not self.takes_labels:
      return None
    if labels is None:
      raise UserError(
        "config.flow.condition is 'label', but some images have no labels."
      )
    is_class = self.num_classes is not None
    shape = labels.shape[1:]
    if shape != (() if is_class else self.shape):
      raise UserError(
        f'the labels have shape {["N", *shape]}; they must be '
        f'{["N"] if is_class else ["N", *self.shape]}, as in training.'
      )
    least, most = int(np.min(labels)), int(np.max(labels))
    largest = self.channels - 1 if is_class else 1
    if least < 0 or most > largest:
      what = 'classes' if is_class else 'attributes'
      raise UserError(
        f'the labels have values from {least} to {most}; {what} must be '
        f'integers from 0 to {largest}.'
      )
    return labels

  def inputs(self, pixels, labels=None, chance=None) -> dict[str, tf.Tensor]:
    """Returns the conditions of images as inputs of an exported flow.

    A low-resolution image and a mask follow from the pixels, not from their
    continuous values, so that they say nothing about the dequantization noise.

    Args:
      pixels: uint8 [n, H, W, C].
      labels: int64 [n] or [n, A], which `check_labels` has returned.
      chance: [n, num_chances], uniform numbers in [0, 1).

    Returns:
      The tensors that `ConditionInput.inputs` describes, by name.
    """
    kind = self.input.kind
    if kind == 'label':
      return {'labels': tf.cast(labels, tf.int32)}
    if kind == 'values':
      return {'condition': tf.cast(labels, tf.float32)}
    if kind == 'low_resolution':
      factor = self.image_shape[0] // self.shape[0]
      return {'low_resolution': low_resolution(pixels, factor)}
    return {'known': pixels, 'mask': _holes(chance, self.image_shape)}

  def of(self, pixels, labels=None, chance=None) -> tf.Tensor:
    """Returns the conditions of images.

    Args:
      pixels: See `inputs`.
      labels: See `inputs`.
      chance: See `inputs`.

    Returns:
      float32 [n, *shape].
    """
    inputs = self.inputs(pixels, labels, chance)
    return self.input.tensor(inputs, self.num_bits)


def find_condition(config, data) -> Condition | None:
  """Returns the condition of a configuration.

  Args:
    config: The whole configuration.
    data: `Dataset` or `DataFacts`.

  Returns:
    `Condition`; None if the flow is not conditional.

  Raises:
    UserError: If the data set has no labels, but the condition needs them.
  """
  kind = config.flow.condition
  height, width, channels = data.image_shape
  names, optional = None, False
  if not kind:
    return None
  if kind == 'label':
    number, names = data.num_classes or data.num_attributes, data.label_names
    if number is None:
      raise UserError(
        f"config.flow.condition is 'label', but {data.name} has no labels; a "
        "folder needs a sub-folder for each class, arrays need 'labels', and a "
        'data set of TensorFlow Datasets a feature of classes or attributes.'
      )
    if data.num_classes == 1:
      raise UserError(
        f"config.flow.condition is 'label', but {data.name} has only one "
        'class; it must have at least two.'
      )
    shape, optional = (number,), config.train.label_dropout > 0
    if data.num_classes is None:
      kind = 'values'
  elif kind == 'low_resolution':
    factor = config.data.low_resolution_factor
    shape = (height // factor, width // factor, channels)
  else:
    shape = (height, width, channels + 1)
  return Condition(
    ConditionInput(kind, shape, names, optional),
    tuple(data.image_shape),
    config.data.num_bits,
    names,
  )


def held_out_conditions(
  condition: Condition | None, images: np.ndarray, labels
) -> Callable[[slice], tf.Tensor] | None:
  """Returns the function that computes the conditions of held-out images.

  Args:
    condition: `Condition`, or None.
    images: uint8 [N, H, W, C].
    labels: int64 [N] classes or [N, A] attributes; None if there are none.

  Returns:
    Function from a slice of the images to their conditions [n, ...]. The mask
    of an image depends only on its position. None without a condition.

  Raises:
    UserError: If the labels are not those that the condition needs.
  """
  if condition is None:
    return None
  labels = condition.check_labels(labels)

  def conditions(here):
    start = here.indices(len(images))[0]
    some = None if labels is None else labels[here]
    inputs = held_out_inputs(condition, images[here], some, start)
    return condition.input.tensor(inputs, condition.num_bits)

  return conditions


def held_out_inputs(
  condition: Condition, images: np.ndarray, labels, start: int
) -> dict[str, tf.Tensor]:
  """Returns the conditions of held-out images as inputs of an exported flow.

  Args:
    condition: `Condition`.
    images: uint8 [n, H, W, C].
    labels: int64 [n] or [n, A], which `check_labels` has returned.
    start: Position of images[0], on which the masks depend.

  Returns:
    See `Condition.inputs`.
  """
  position = tf.constant(start, tf.int64)
  chance = uniform(0, MASK, position, [len(images), condition.num_chances])
  return condition.inputs(images, labels, chance)


def low_resolution(images, factor: int) -> tf.Tensor:
  """Returns images averaged over blocks of pixels.

  Args:
    images: uint8 [N, H, W, C].
    factor: Height and width f of a block, which divide H and W.

  Returns:
    uint8 [N, H/f, W/f, C], rounded to the nearest integer.
  """
  means = tf.nn.avg_pool2d(tf.cast(images, tf.float32), factor, factor, 'VALID')
  return tf.cast(tf.floor(means + 0.5), tf.uint8)


def _holes(chance, image_shape):
  """Returns masks of random rectangles, uint8 [n, H, W, 1], 1 in the hole."""
  inside = []
  for axis in (0, 1):
    length = image_shape[axis]
    size = _SMALLEST_HOLE + (_LARGEST_HOLE - _SMALLEST_HOLE) * chance[:, axis]
    size = tf.floor(size * length + 0.5)
    start = tf.floor(chance[:, 2 + axis] * (length - size + 1))
    places = tf.range(length, dtype=tf.float32)
    inside.append(
      (places >= start[:, tf.newaxis])
      & (places < (start + size)[:, tf.newaxis])
    )
  hole = inside[0][:, :, tf.newaxis] & inside[1][:, tf.newaxis, :]
  return tf.cast(hole, tf.uint8)[..., tf.newaxis]
