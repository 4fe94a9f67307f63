"""The dense matrix of a linear map."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc import math

tfb = tfp.bijectors


@pytest.mark.parametrize('dtype', [tf.float32, tf.float64])
def test_gives_back_the_matrix_of_an_affine_map(dtype):
  rng = np.random.default_rng(0)
  matrix, shift = rng.normal(size=[6, 4]), rng.normal(size=[6])

  def function(x):
    flat = tf.reshape(x, [-1, 4])
    y = flat @ tf.constant(matrix.T, dtype) + tf.constant(shift, dtype)
    return tf.reshape(y, [-1, 3, 2])

  found = math.linear_map_matrix(function, [2, 2], dtype)
  assert found.dtype == dtype
  np.testing.assert_allclose(found, matrix, atol=1e-6)


def test_works_on_bijectors_of_tfp_and_on_their_inverses():
  lower = np.array([[2.0, 0.0], [1.0, 3.0]])
  bijector = tfb.Shift(np.array([1.0, -1.0]))(tfb.ScaleMatvecTriL(lower))
  np.testing.assert_allclose(
    math.linear_map_matrix(bijector.forward, [2], tf.float64), lower
  )
  np.testing.assert_allclose(
    math.linear_map_matrix(bijector.inverse, [2], tf.float64),
    np.linalg.inv(lower),
  )


def test_is_differentiable_in_a_traced_function():
  scale = tf.Variable([2.0, 3.0])

  @tf.function
  def trace():
    with tf.GradientTape() as tape:
      matrix = math.linear_map_matrix(lambda x: scale**2 * x, [2])
      value = tf.linalg.trace(matrix)
    return value, tape.gradient(value, scale)

  value, gradient = trace()
  np.testing.assert_allclose(value, 13.0)
  np.testing.assert_allclose(gradient, [4.0, 6.0])


@pytest.mark.parametrize('function', [tf.sin, tf.square, tf.math.reciprocal])
def test_refuses_what_is_not_affine(function):
  with pytest.raises(ValueError, match='`function` is not affine'):
    math.linear_map_matrix(function, [2, 2])


def test_refuses_empty_events():
  with pytest.raises(ValueError, match=r'`event_shape` is \[2, 0\]'):
    math.linear_map_matrix(tf.identity, [2, 0])
