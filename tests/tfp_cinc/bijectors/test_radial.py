"""The radial flow."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

import tfp_cinc

examples = hypothesis.settings(
  max_examples=60, deadline=None, derandomize=True, database=None
)


@hypothesis.given(
  size=st.integers(1, 5),
  seed=st.integers(0, 1000),
  log_alpha=st.floats(-4, 4),
  beta_hat=st.floats(-10, 10),
)
@examples
def test_is_the_papers_map_and_has_an_inverse(size, seed, log_alpha, beta_hat):
  rng = np.random.default_rng(seed)
  reference, x = rng.normal(size=size), 3 * rng.normal(size=[20, size])
  layer = tfp_cinc.bijectors.Radial(reference, log_alpha, beta_hat)
  alpha = np.exp(log_alpha)
  beta = np.log1p(np.exp(beta_hat)) - alpha
  assert beta > -alpha
  offset = x - reference
  r = np.linalg.norm(offset, axis=-1)[:, np.newaxis]
  h = 1 / (alpha + r)
  y = layer.forward(tf.constant(x))
  np.testing.assert_allclose(y, x + beta * h * offset, atol=1e-9)
  # Eq 14 and its determinant by the paper's eq after it.
  slope = 1 + beta * h - beta * h**2 * r
  expected = (size - 1) * np.log1p(beta * h) + np.log(slope)
  log_det = layer.forward_log_det_jacobian(tf.constant(x), 1)
  np.testing.assert_allclose(log_det, expected[:, 0], atol=1e-5)

  jacobian = np.eye(size) * (1 + beta * h)[..., np.newaxis] - np.einsum(
    'n,ni,nj->nij', (beta * h**2 / r)[:, 0], offset, offset
  )
  sign, dense = np.linalg.slogdet(jacobian)
  assert np.all(sign == 1)
  np.testing.assert_allclose(log_det, dense, atol=1e-5)
  solved = tf.identity(layer.inverse(y))
  np.testing.assert_allclose(solved, x, atol=1e-7)


@pytest.mark.parametrize('direction', ['forward', 'inverse'])
def test_gradients_at_the_reference_are_finite(direction):
  layer = tfp_cinc.bijectors.trainable_radial(3, seed=1)
  x = tf.identity(layer.reference)
  with tf.GradientTape() as tape:
    tape.watch(x)
    y = getattr(layer, direction)(x)
    log_det = getattr(layer, f'{direction}_log_det_jacobian')(x, 1)
    loss = tf.reduce_sum(y) + log_det
  gradients = tape.gradient(loss, [x, *layer.trainable_variables])
  assert all(np.all(np.isfinite(gradient)) for gradient in gradients)
  np.testing.assert_allclose(y, x)


def test_the_root_keeps_its_digits():
  """Where the two terms of the quadratic's root nearly cancel."""
  layer = tfp_cinc.bijectors.Radial([0.0, 0.0], log_alpha=0.0, beta_hat=1e4)
  x = tf.constant([[1e-3, 2e-3], [3.0, 4.0], [1e3, 1e5]])
  z = layer.inverse(tf.identity(layer.forward(x)))
  np.testing.assert_allclose(z, x, rtol=2e-6)


def test_starts_as_the_identity():
  x = tf.random.stateless_normal([5, 6], [0, 1])
  layer = tfp_cinc.bijectors.trainable_radial(6, seed=1)
  np.testing.assert_allclose(layer.forward(x), x, atol=1e-6)
  log_det = layer.forward_log_det_jacobian(x, 1)
  np.testing.assert_allclose(log_det, 0, atol=1e-5)


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ((1.0, 0.0, 0.0), '`reference` has shape'),
    (([1.0], [0.0], 0.0), '`log_alpha` has shape'),
    (([1.0], 0.0, [0.0]), '`beta_hat` has shape'),
  ],
)
def test_bad_parameters(arguments, message):
  with pytest.raises(ValueError, match=message):
    tfp_cinc.bijectors.Radial(*arguments)


def test_bad_input():
  with pytest.raises(ValueError, match='`size` is 0'):
    tfp_cinc.bijectors.trainable_radial(0)
  with pytest.raises(ValueError, match='this layer is for 3 channels'):
    tfp_cinc.bijectors.trainable_radial(3).forward(tf.zeros([2, 4]))
