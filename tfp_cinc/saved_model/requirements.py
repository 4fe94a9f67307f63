"""Input checks of exported functions."""

from collections.abc import Mapping

import tensorflow as tf

__all__ = [
  'require',
  'require_equal_numbers',
  'require_factor',
  'require_shape',
]


def require(condition, *sentence) -> tf.Operation:
  """Returns an operation that fails if a condition does not hold.

  Args:
    condition: bool `Tensor` [].
    *sentence: Parts of the error message: strings, and tensors whose values
      are inserted. Use backticks for names, because TensorFlow escapes
      quotation marks with backslashes.

  Returns:
    Operation, for use as a control dependency. It fails with
    `tf.errors.InvalidArgumentError`.
  """
  parts = [
    part
    if isinstance(part, str) or part.dtype == tf.string
    else tf.strings.format('{}', [part])
    for part in sentence
  ]
  return tf.debugging.Assert(condition, [tf.strings.join(parts)])


def require_factor(name: str, value: tf.Tensor) -> tf.Operation:
  """Returns an operation that fails if a factor is negative or not finite.

  Args:
    name: Name of the argument, for the error message.
    value: Floating `Tensor` [].
  """
  return require(
    tf.math.is_finite(value) & (value >= 0),
    f'`{name}` is ',
    value,
    '; it must be finite and at least 0.',
  )


def require_shape(tensor: tf.Tensor, name: str, shape) -> tf.Tensor:
  """Returns a tensor with a known shape, or fails if it has another one.

  Args:
    tensor: `Tensor` of any shape.
    name: Name of the argument, for the error message.
    shape: List of sizes. The first one is a string, such as 'N', if any size is
      allowed.

  Returns:
    `tensor` with `shape` as its static shape.
  """
  known = [size for size in shape if not isinstance(size, str)]
  free = len(shape) - len(known)
  found = tf.shape(tensor)
  is_right = tf.logical_and(
    tf.equal(tf.size(found), len(shape)),
    # Compared as strings, because the ranks may differ.
    tf.equal(_text(found[free:]), _text(tf.constant(known, tf.int32))),
  )
  expected = ', '.join(map(str, shape))
  checked = require(
    is_right, f'`{name}` has the shape ', found, f'; it must be [{expected}].'
  )
  with tf.control_dependencies([checked]):
    # Not `ensure_shape`: from its shape, TensorFlow's graph optimizer would
    # infer that of the input and replace the condition above by True.
    return tf.reshape(tensor, [-1] * free + known)


def require_equal_numbers(
  tensors: Mapping[str, tf.Tensor],
) -> list[tf.Operation]:
  """Returns operations that fail if tensors differ in their first size.

  Args:
    tensors: Tensors of rank 1 or more by name.

  Returns:
    Operations, for use as control dependencies.
  """
  numbers = [(name, tf.shape(tensor)[0]) for name, tensor in tensors.items()]
  return [
    require(
      tf.equal(numbers[0][1], number),
      f'`{numbers[0][0]}` has ',
      numbers[0][1],
      f' elements and `{name}` ',
      number,
      '; their numbers must be equal.',
    )
    for name, number in numbers[1:]
  ]


def _text(sizes):
  return tf.strings.format('{}', [sizes])
