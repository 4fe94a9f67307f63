"""Checks within exported functions, that fail in a sentence."""

import tensorflow as tf

__all__ = ['require', 'require_shape']


def require(condition, *sentence) -> tf.Operation:
  """An operation that fails where a condition does not hold.

  Args:
    condition: bool `Tensor` [].
    *sentence: what is wrong and what would be right, in parts: strings, and
      `Tensor`s whose values come between them. TensorFlow puts a backslash
      before quotation marks; backticks stay as they are.

  Returns:
    An operation, to be a control dependency of what needs the condition. Its
    error is `tf.errors.InvalidArgumentError`.
  """
  parts = [
    part
    if isinstance(part, str) or part.dtype == tf.string
    else tf.strings.format('{}', [part])
    for part in sentence
  ]
  return tf.debugging.Assert(condition, [tf.strings.join(parts)])


def require_shape(tensor: tf.Tensor, name: str, shape) -> tf.Tensor:
  """A tensor of a known shape, or an error that says what is right.

  Args:
    tensor: of any shape.
    name: of the argument that it is.
    shape: its sizes, the first of them a word where it can be any.

  Returns:
    `tensor`, whose static shape is `shape`.
  """
  known = [size for size in shape if not isinstance(size, str)]
  free = len(shape) - len(known)
  found = tf.shape(tensor)
  is_right = tf.logical_and(
    tf.equal(tf.size(found), len(shape)),
    # As texts, because they may not have the same size.
    tf.equal(_text(found[free:]), _text(tf.constant(known, tf.int32))),
  )
  expected = ', '.join(map(str, shape))
  checked = require(
    is_right, f'`{name}` has the shape ', found, f'; it must be [{expected}].'
  )
  with tf.control_dependencies([checked]):
    # No `ensure_shape`: TensorFlow's optimizer would take its shape for that of
    # the input and the condition above for true.
    return tf.reshape(tensor, [-1] * free + known)


def _text(sizes):
  return tf.strings.format('{}', [sizes])
