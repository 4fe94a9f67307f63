"""The dense matrix of a linear map."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfp_cinc.internal.types import DTypeLike

__all__ = ['linear_map_matrix']


def linear_map_matrix(
  function: Callable[[tf.Tensor], tf.Tensor],
  event_shape: Sequence[int],
  dtype: DTypeLike = tf.float32,
) -> tf.Tensor:
  """Returns the matrix M of a linear or affine map f.

  Column j of M is f(e_j) - f(0), where e_j is the j-th event of the standard
  basis:

    vec(f(x)) = M vec(x) + vec(f(0))

  vec is row-major: it takes an image's pixels in raster order and keeps the
  channels of a pixel together. The map may change the shape of its events.

  Args:
    function: The map f from [N, *event_shape] to [N, ...] for any N, such as a
      bijector's `forward`.
    event_shape: Shape of an event. Keep it small: for an event of D entries, f
      is called on a batch of D + 2 events, and M has D columns.
    dtype: Floating dtype of the events.

  Returns:
    `Tensor` M [size of f(x), size of x]. It is differentiable with respect to
    everything that f depends on.

  Raises:
    ValueError: If `event_shape` has a size below 1. In eager mode, also if f is
      not affine, that is, if f(r) = M r + f(0) fails for a random r.

  #### Example

  >>> matrix = linear_map_matrix(lambda x: 2.0 * x[:, ::-1] + 1.0, [2])
  >>> matrix.numpy().tolist()
  [[0.0, 2.0], [2.0, 0.0]]

  #### References

  Nagar, Dufraisse and Varma 2021, [CInC Flow](
  https://arxiv.org/abs/2107.01358), section 3.2.1.
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
  if not error <= tolerance * scale:  # also if the error is NaN
    raise ValueError(
      f'`function` is not affine: at a random event it differs by {error:.3g} '
      'from the affine map that equals it at the basis events, for values of '
      f'up to {scale:.3g}.'
    )
