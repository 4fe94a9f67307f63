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

  With Lip(function) <= c < 1 there is one fixed point x*, each step is at most
  c times as long as the one before (Banach), and n steps from x_0 end at

  ```
  |x_n - x*| <= c^n / (1 - c) * |x_1 - x_0|
  |x_n - x*| <= c / (1 - c) * |x_n - x_{n-1}|
  ```

  The iteration ends when, for each vector of the batch, the last step was no
  longer than tolerance * (1 + |x|) or not shorter than the one before: then
  what is left is rounding.

  Args:
    function: from [..., D] to [..., D], each vector by itself.
    start: `Tensor` [..., D], x_0.
    tolerance: of the last step; None is the machine epsilon of the dtype.
    max_iterations: how many steps to take at most.

  Returns:
    (x, how many steps were taken). It has no gradient of its own.
  """
  if tolerance is None:
    tolerance = float(np.finfo(start.dtype.as_numpy_dtype).eps)

  def is_moving(_, x, step, is_shrinking):
    is_long = step > tolerance * (1 + tf.norm(x, axis=-1))
    return tf.reduce_any(is_long & is_shrinking)

  def move(count, x, last_step, is_shrinking):
    new = function(x)
    step = tf.norm(new - x, axis=-1)
    # Once not is for good: the steps of rounding shrink now and then.
    return count + 1, new, step, is_shrinking & (step < last_step)

  infinity = tf.zeros_like(start[..., 0]) + np.inf
  count, x, _, _ = tf.while_loop(
    is_moving,
    move,
    (0, start, infinity, tf.ones_like(infinity, tf.bool)),
    maximum_iterations=max_iterations,
  )
  return x, count
