"""Monotone rational-quadratic splines with parameters for each element."""

import tensorflow as tf

__all__ = ['rational_quadratic_spline']


def rational_quadratic_spline(
  x: tf.Tensor,
  widths: tf.Tensor,
  heights: tf.Tensor,
  slopes: tf.Tensor,
  *,
  low: float,
  invert: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
  """Evaluates an increasing spline of n bins, elementwise.

  The spline starts at the point (low, low). Left of its first and right of its
  last bin it is the identity, so the widths and the heights must have the same
  sum. The slope is 1 at both ends.

  `tfb.RationalQuadraticSpline` computes the same function. It is not used
  because it returns wrong values under `tf.vectorized_map`, and thus in
  auto-batched joint distributions: TensorFlow vectorizes `tf.searchsorted` and
  `tf.gather` with `batch_dims` incorrectly. The test
  `test_tfps_spline_under_vectorized_map` fails as soon as this is mended. Here
  the bin of x is selected by a mask. Value and slope are computed together.

  Args:
    x: Floating `Tensor` [..., C], the argument.
    widths: Positive `Tensor` [..., n, C], the widths of the bins.
    heights: Positive `Tensor` [..., n, C], the heights of the bins.
    slopes: Positive `Tensor` [..., n - 1, C], the slopes between two bins.
    low: Start of the first bin.
    invert: Whether to evaluate the inverse function, at `x`.

  Returns:
    (f(x), log f'(x)), or (the u with f(u) = x, log f'(u)) if `invert`. Each has
    the shape of `x`.

  #### References

  Durkan et al. 2019, [Neural Spline Flows](https://arxiv.org/abs/1906.04032),
  appendix A.
  """
  left = low + tf.cumsum(widths, axis=-2, exclusive=True)
  bottom = low + tf.cumsum(heights, axis=-2, exclusive=True)
  one = tf.ones_like(widths[..., :1, :])
  start, size = (bottom, heights) if invert else (left, widths)
  end = start[..., -1, :] + size[..., -1, :]
  outside = (x <= low) | (x >= end)
  inside = tf.where(outside, tf.cast(low, x.dtype), x)
  reached = inside[..., tf.newaxis, :] >= start[..., 1:, :]
  true = tf.ones_like(inside[..., tf.newaxis, :], tf.bool)
  is_bin = tf.concat([true, reached], axis=-2) & ~tf.concat(
    [reached, ~true], axis=-2
  )

  def of_bin(values):
    return tf.reduce_sum(tf.where(is_bin, values, 0), axis=-2)

  left, bottom = of_bin(left), of_bin(bottom)
  width, height = of_bin(widths), of_bin(heights)
  slope_before = of_bin(tf.concat([one, slopes], axis=-2))
  slope_after = of_bin(tf.concat([slopes, one], axis=-2))
  mean_slope = height / width
  bend = slope_after + slope_before - 2 * mean_slope
  if invert:
    rise = inside - bottom
    a = height * (mean_slope - slope_before) + rise * bend
    b = height * slope_before - rise * bend
    # The root of a t^2 + b t - c, without cancellation.
    c = mean_slope * rise
    t = 2 * c / (b + tf.sqrt(b**2 + 4 * a * c))
  else:
    t = (inside - left) / width
  mixed = t * (1 - t)
  denominator = mean_slope + bend * mixed
  log_slope = (
    2 * tf.math.log(mean_slope)
    + tf.math.log(
      slope_after * t**2 + 2 * mean_slope * mixed + slope_before * (1 - t) ** 2
    )
    - 2 * tf.math.log(denominator)
  )
  if invert:
    y = left + width * t
  else:
    rise = height * (mean_slope * t**2 + slope_before * mixed)
    y = bottom + rise / denominator
  return tf.where(outside, x, y), tf.where(
    outside, tf.zeros([], x.dtype), log_slope
  )
