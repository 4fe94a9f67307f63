"""Tests of rational-quadratic splines."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.math import rational_quadratic_spline

tfb = tfp.bijectors

LOW, HIGH = -5.0, 5.0


def bins(shape=(3, 4, 2)):
  """Widths, heights and slopes of 4 bins on [-5, 5]."""
  rng = np.random.default_rng(1)

  def sizes():
    share = rng.dirichlet(np.full(shape[-2], 2.0), [*shape[:-2], shape[-1]])
    return tf.constant(np.moveaxis((HIGH - LOW) * share, -1, -2))

  slopes = rng.uniform(0.1, 3.0, [*shape[:-2], shape[-2] - 1, shape[-1]])
  return sizes(), sizes(), tf.constant(slopes)


def theirs(widths, heights, slopes):
  """TFP's spline, whose bins are along the last axis."""
  transposed = map(tf.linalg.matrix_transpose, (widths, heights, slopes))
  return tfb.RationalQuadraticSpline(*transposed, range_min=LOW)


def arguments():
  """Inside and outside the bins, at both ends and at a knot."""
  knot = LOW + float(bins()[0][0, 0, 0])
  values = [-7.0, -5.0, -3.1, knot, 0.0, 2.2, 4.9, 5.0, 6.0]
  return tf.constant(values, tf.float64)[:, tf.newaxis, tf.newaxis] + tf.zeros(
    [3, 2], tf.float64
  )


@pytest.mark.parametrize('invert', [False, True])
def test_is_tfps_spline(invert):
  x, parts = arguments(), bins()
  y, log_slope = rational_quadratic_spline(x, *parts, low=LOW, invert=invert)
  spline = theirs(*parts)
  if invert:
    expected, slope = spline.inverse(x), -spline.inverse_log_det_jacobian(x)
  else:
    expected, slope = spline.forward(x), spline.forward_log_det_jacobian(x)
  np.testing.assert_allclose(y, expected, atol=1e-12)
  np.testing.assert_allclose(log_slope, slope, atol=1e-12)


def test_inverse_and_slope():
  x, parts = arguments()[2:7], bins()
  with tf.GradientTape() as tape:
    tape.watch(x)
    y, log_slope = rational_quadratic_spline(x, *parts, low=LOW)
  slope = tape.gradient(y, x)
  np.testing.assert_allclose(tf.exp(log_slope), slope, rtol=1e-10)
  back, same = rational_quadratic_spline(y, *parts, low=LOW, invert=True)
  np.testing.assert_allclose(back, x, atol=1e-12)
  np.testing.assert_allclose(same, log_slope, atol=1e-9)


def vectorized_and_alone(function):
  x, parts = arguments()[2], bins()
  alone = [function(*one) for one in zip(x, *parts, strict=True)]
  return tf.vectorized_map(lambda one: function(*one), (x, *parts)), alone


@pytest.mark.parametrize('invert', [False, True])
def test_under_vectorized_map(invert):
  def value(x, *parts):
    return rational_quadratic_spline(x, *parts, low=LOW, invert=invert)[0]

  np.testing.assert_allclose(*vectorized_and_alone(value), atol=1e-12)


@pytest.mark.xfail(strict=True, reason='the reason for our own spline')
def test_tfps_spline_under_vectorized_map():
  def value(x, *parts):
    return theirs(*parts).forward(x)

  np.testing.assert_allclose(*vectorized_and_alone(value), atol=1e-12)
