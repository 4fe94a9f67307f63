"""The dense matrix of a linear map."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

__all__ = ['linear_map_matrix']


def linear_map_matrix(
  function: Callable[[tf.Tensor], tf.Tensor],
  event_shape: Sequence[int],
  dtype=tf.float32,
) -> tf.Tensor:
  """The matrix M of a linear or affine map, by what it makes of a basis.

  Column j of M is f(e_j) - f(0), with e_j the j-th event of the basis:

    vec(f(x)) = M vec(x) + vec(f(0))

  where vec is row-major: it takes an image's pixels in raster order and the
  channels of a pixel together (CInC Flow, section 3.2.1). The map may change
  the shape of its events.

  Args:
    function: f, from [N, *event_shape] to [N, ...] for any N, such as a
      bijector's `forward`.
    event_shape: the shape of an event. Keep it small: with D its number of
      entries f is called on a batch of D + 2 events, and M has D columns.
    dtype: floating dtype of the events.

  Returns:
    `Tensor` M [size of f(x), size of x]. It is differentiable in whatever the
    function depends on.

  Raises:
    ValueError: if `event_shape` has a size below 1 or, executing eagerly, if
      f(r) = M r + f(0) fails for a random r: f is not affine.

  #### Example

  >>> matrix = linear_map_matrix(lambda x: 2.0 * x[:, ::-1] + 1.0, [2])
  >>> matrix.numpy().tolist()
  [[0.0, 2.0], [2.0, 0.0]]
  """
  event_shape = [int(size) for size in event_shape]
  if min(event_shape, default=1) < 1:
    raise ValueError(
      f'`event_shape` is {event_shape}; its sizes must be at least 1.'
    )
  size, dtype = math.prod(event_shape), tf.as_dtype(dtype)
  probe = np.random.default_rng(0).normal(size=[1, size])
  events = np.concatenate([np.zeros([1, size]), np.eye(size), probe])
  events = tf.constant(events.reshape([-1, *event_shape]), dtype)
  values = function(events)
  values = tf.reshape(values, [size + 2, -1])
  offset, columns, of_probe = values[:1], values[1:-1] - values[:1], values[-1:]
  if tf.executing_eagerly():
    _check_affine(tf.cast(probe, columns.dtype), columns, offset, of_probe)
  return tf.transpose(columns)


def _check_affine(probe, columns, offset, of_probe):
  error = tf.reduce_max(tf.abs(probe @ columns + offset - of_probe))
  scale = tf.reduce_max(tf.abs(probe) @ tf.abs(columns) + tf.abs(offset))
  tolerance = np.sqrt(np.finfo(columns.dtype.as_numpy_dtype).eps)
  if not error <= tolerance * scale:  # NaN too
    raise ValueError(
      f'`function` is not affine: at a random event it differs by {error:.3g} '
      f'from the affine map of the same basis, whose values go up to '
      f'{scale:.3g}.'
    )
