"""Inverses of increasing functions."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

__all__ = ['increasing_root']


def increasing_root(
  value_and_slope: Callable[..., tuple[tf.Tensor, tf.Tensor]],
  parameters: Sequence[tf.Tensor],
  low: tf.Tensor,
  high: tf.Tensor,
) -> tf.Tensor:
  """Returns the roots of an increasing function f, elementwise.

  A bracketing search without gradients finds x0. Two steps of Newton's method,

    x1 = x0 - f(x0; p) / f'(x0; p),
    x2 = x1 - f(x1; p) / f'(x1; p),

  refine it and give it derivatives. As a function of p, with x0 fixed, x1
  differs from the root by O(dp^2) and x2 by O(dp^4), so the first three
  derivatives are exact.

  Args:
    value_and_slope: Elementwise function from (x, *parameters) to
      (f(x), f'(x)), with f' > 0.
    parameters: All tensors p that f depends on.
    low: `Tensor` of the shape of x with f(low) <= 0.
    high: `Tensor` of the shape of x with f(high) >= 0.

  Returns:
    `Tensor` x with f(x) = 0.
  """
  low, high, *fixed = map(tf.stop_gradient, [low, high, *parameters])
  epsilon = float(np.finfo(low.dtype.as_numpy_dtype).eps)
  # Allows for a root that rounding moves out of the bracket, and for a bracket
  # that is a single point.
  margin = 1e-3 * (1.0 + tf.abs(low) + tf.abs(high))
  root = tfp.math.find_root_chandrupatla(
    lambda x: value_and_slope(x, *fixed)[0],
    low=low - margin,
    high=high + margin,
    # This is not relative to the bracket, which may be much wider than |x|.
    position_tolerance=4 * epsilon,
    value_tolerance=epsilon,
    max_iterations=100,
  ).estimated_root
  root = tf.stop_gradient(root)
  for _ in range(2):
    value, slope = value_and_slope(root, *parameters)
    # If f is flat up to rounding, the root must still stay within the bracket.
    root -= value / tf.maximum(slope, epsilon)
    inside = tf.clip_by_value(root, low - margin, high + margin)
    root += tf.stop_gradient(inside - root)
  return root
