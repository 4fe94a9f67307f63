"""Fixed points of contractions."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

__all__ = ['fixed_point']


def fixed_point(
  function: Callable[[tf.Tensor], tf.Tensor],
  start: tf.Tensor,
  *,
  tolerance: float | None = None,
  max_iterations: int = 1000,
) -> tuple[tf.Tensor, tf.Tensor]:
  """Iterates x = function(x) to the fixed point of a contraction of vectors.

  If Lip(function) <= c < 1, there is exactly one fixed point x*. Each step is
  then at most c times as long as the step before it (Banach), and the error
  after n steps from x_0 is bounded by

  ```
  |x_n - x*| <= c^n / (1 - c) * |x_1 - x_0|
  |x_n - x*| <= c / (1 - c) * |x_n - x_{n-1}|
  ```

  The iteration ends when one of two conditions holds for each vector of the
  batch: its last step was at most tolerance * (1 + |x|) long, or it was not
  shorter than the step before. In the second case only rounding error is left.

  Args:
    function: Function from [..., D] to [..., D] that acts on each vector
      separately.
    start: `Tensor` [..., D], x_0.
    tolerance: Maximum length of the last step, relative to 1 + |x|. None means
      the machine epsilon of the dtype.
    max_iterations: Maximum number of steps.

  Returns:
    (x, the number of steps taken). No custom gradient is defined.
  """
  if tolerance is None:
    tolerance = float(np.finfo(start.dtype.as_numpy_dtype).eps)

  def is_moving(_, x, step, is_shrinking):
    is_long = step > tolerance * (1 + tf.norm(x, axis=-1))
    return tf.reduce_any(is_long & is_shrinking)

  def move(count, x, last_step, is_shrinking):
    new = function(x)
    step = tf.norm(new - x, axis=-1)
    # Once the steps of a vector have grown, it remains stopped: steps that are
    # only rounding error may shrink again by chance.
    return count + 1, new, step, is_shrinking & (step < last_step)

  infinity = tf.zeros_like(start[..., 0]) + np.inf
  count, x, _, _ = tf.while_loop(
    is_moving,
    move,
    (0, start, infinity, tf.ones_like(infinity, tf.bool)),
    maximum_iterations=max_iterations,
  )
  return x, count
