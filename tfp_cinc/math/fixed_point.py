"""Fixed points of contractions and of triangular maps."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

__all__ = ['fixed_point', 'triangular_fixed_point']


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


def triangular_fixed_point(
  function: Callable[[tf.Tensor], tf.Tensor],
  start: tf.Tensor,
  *,
  length: int,
  tolerance: float | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
  """Iterates x = function(x) to the fixed point of a strictly triangular map.

  Token i of function(x) depends only on the tokens before it, or only on those
  after it. Step n therefore makes one more token exact: the fixed point is
  reached after at most L steps from any start. Most maps are close to it much
  earlier. This is the Jacobi iteration for triangular systems.

  The iteration ends when the last step changed no element of the batch by more
  than tolerance * (1 + |x|), or after L steps.

  #### References

  Song et al. 2021, [Accelerating Feedforward Computation via Parallel Nonlinear
  Equation Solving](https://arxiv.org/abs/2002.03629), proposition 1.

  Args:
    function: Function from a `Tensor` to a `Tensor` of the same shape.
    start: `Tensor` x_0 that holds sequences of L tokens.
    length: Number of tokens L.
    tolerance: Maximum change of the last step, relative to 1 + |x|. None means
      16 times the machine epsilon of the dtype.

  Returns:
    (x, the number of steps taken). No custom gradient is defined.
  """
  if tolerance is None:
    tolerance = 16 * float(np.finfo(start.dtype.as_numpy_dtype).eps)

  def move(count, x, _):
    new = function(x)
    return (
      count + 1,
      new,
      tf.reduce_any(tf.abs(new - x) > tolerance * (1 + tf.abs(new))),
    )

  count, x, _ = tf.while_loop(
    lambda count, x, is_moving: is_moving,
    move,
    (0, start, tf.size(start) > 0),
    maximum_iterations=length,
  )
  return x, count
