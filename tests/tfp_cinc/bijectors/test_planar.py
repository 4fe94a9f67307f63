"""The planar flow."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

import tfp_cinc

examples = hypothesis.settings(
  max_examples=60, deadline=None, derandomize=True, database=None
)


def make(size, seed, scale, bias):
  rng = np.random.default_rng(seed)
  weight, direction = scale * rng.normal(size=[2, size])
  layer = tfp_cinc.bijectors.Planar(
    weight, direction, tf.constant(bias, tf.float64)
  )
  return layer, 3 * rng.normal(size=[20, size])


@hypothesis.given(
  size=st.integers(1, 5),
  seed=st.integers(0, 1000),
  scale=st.sampled_from([0.1, 1.0, 3.0]),
  bias=st.floats(-5, 5),
)
@examples
def test_is_the_papers_map_and_has_an_inverse(size, seed, scale, bias):
  layer, x = make(size, seed, scale, bias)
  w, u = np.array(layer.weight), np.array(layer.direction)
  v = u + (np.log1p(np.exp(w @ u)) - 1 - w @ u) * w / (w @ w)
  assert w @ v > -1
  a = x @ w + bias
  np.testing.assert_allclose(
    layer.forward(x), x + np.tanh(a)[:, np.newaxis] * v, atol=1e-9
  )
  jacobian = np.eye(size) + np.einsum('n,i,j->nij', 1 - np.tanh(a) ** 2, v, w)
  sign, expected = np.linalg.slogdet(jacobian)
  assert np.all(sign == 1)
  log_det = layer.forward_log_det_jacobian(tf.constant(x), 1)
  np.testing.assert_allclose(log_det, expected, atol=1e-8)
  # An error in x is as large as rounding makes it where the slope is small;
  # that in y is not.
  solved = tf.identity(layer.inverse(x))
  np.testing.assert_allclose(layer.forward(solved), x, atol=1e-11)


@pytest.mark.parametrize('product', [-30.0, -5.0, 0.0, 30.0])
@pytest.mark.parametrize('dtype', ['float32', 'float64'])
def test_extreme_directions(product, dtype):
  """w.v from close to -1, where the slope is close to 0, to large."""
  layer = tfp_cinc.bijectors.Planar(
    np.array([1, 0], dtype), np.array([product, 2], dtype), np.array(0, dtype)
  )
  x = tf.constant([[0.5, 1], [-2, 3], [0, 0], [100, 1], [-1e4, 1]], dtype)
  y = tf.identity(layer.forward(x))
  z = tf.identity(layer.inverse(y))
  tolerance = 2e-6 if dtype == 'float32' else 1e-13
  np.testing.assert_allclose(layer.forward(z), y, rtol=tolerance, atol=3e-6)
  assert np.all(np.isfinite(layer.forward_log_det_jacobian(x, 1)))


def test_a_weight_of_zero_is_a_shift():
  layer = tfp_cinc.bijectors.Planar([0.0, 0.0], [1.0, 2.0], 1.0)
  x = tf.constant([[3.0, 4.0]])
  y = layer.forward(x)
  np.testing.assert_allclose(y, x + np.tanh(1) * np.array([1, 2]), rtol=1e-6)
  np.testing.assert_allclose(layer.inverse(tf.identity(y)), x, rtol=1e-6)


def test_starts_close_to_the_identity():
  x = tf.random.stateless_normal([5, 6], [0, 1])
  layer = tfp_cinc.bijectors.trainable_planar(6, seed=1)
  np.testing.assert_allclose(layer.forward(x), x, atol=0.1)
  other = tfp_cinc.bijectors.trainable_planar(6, seed=2)
  assert np.any(np.not_equal(layer.weight, other.weight))


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (([[1.0]], [1.0], 0.0), '`weight` has shape'),
    (([1.0, 2.0], [1.0], 0.0), '`direction` has shape'),
    (([1.0], [1.0], [0.0]), '`bias` has shape'),
  ],
)
def test_bad_parameters(arguments, message):
  with pytest.raises(ValueError, match=message):
    tfp_cinc.bijectors.Planar(*arguments)


def test_bad_input():
  with pytest.raises(ValueError, match='`size` is 0'):
    tfp_cinc.bijectors.trainable_planar(0)
  with pytest.raises(ValueError, match='this layer is for 3 channels'):
    tfp_cinc.bijectors.trainable_planar(3).forward(tf.zeros([2, 4]))
