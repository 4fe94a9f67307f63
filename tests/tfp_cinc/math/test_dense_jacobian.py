"""Jacobians of fully connected networks in closed form."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfp_cinc import math

SHAPES = [(3, 5, 3), (5, 2, 5), (4, 6, 5, 4), (5, 4, 2, 5), (4, 3, 6, 2, 4)]


@functools.cache
def network(sizes, batch_shape=(2, 3), norm=None, seed=0):
  """The Jacobian of a random network, and the same by autodiff."""
  rng = np.random.default_rng(seed)
  pairs = list(itertools.pairwise(sizes))
  weights = [rng.normal(size=p) for p in pairs]
  if norm is not None:
    weights = [norm / np.linalg.norm(w, 2) * w for w in weights]
  weights = [tf.constant(weight) for weight in weights]
  biases = [tf.constant(rng.normal(size=p[1])) for p in pairs]
  x = tf.constant(rng.normal(size=[*batch_shape, sizes[0]]))
  with tf.GradientTape() as tape:
    tape.watch(x)
    y, jacobian = math.apply_dense_layers(
      x, weights, biases, [math.lip_swish] * (len(pairs) - 1)
    )
    flat = tf.reshape(y, [-1, sizes[-1]])
  dense = tape.jacobian(flat, x)
  dense = np.reshape(dense, [len(flat), sizes[-1], len(flat), sizes[0]])
  dense = np.stack([dense[n, :, n] for n in range(len(flat))])
  return jacobian, dense.reshape([*batch_shape, sizes[-1], sizes[0]])


@pytest.mark.parametrize('sizes', SHAPES)
def test_products(sizes):
  jacobian, dense = network(sizes)
  vectors = np.random.default_rng(1).normal(size=[2, 3, sizes[0]])
  expected = np.einsum('abij,abj->abi', dense, vectors)
  np.testing.assert_allclose(jacobian.product(vectors), expected, atol=1e-12)
  expected = np.einsum('abij,abi->abj', dense, vectors)
  np.testing.assert_allclose(
    jacobian.transposed_product(vectors), expected, atol=1e-12
  )


@pytest.mark.parametrize('batch_shape', [(), (2, 3)])
@pytest.mark.parametrize('sizes', SHAPES)
def test_trace_and_log_det(sizes, batch_shape):
  jacobian, dense = network(sizes, batch_shape)
  expected = np.trace(dense, axis1=-2, axis2=-1)
  np.testing.assert_allclose(jacobian.trace(), expected, atol=1e-12)
  expected = np.linalg.slogdet(np.eye(sizes[0]) + dense)[1]
  log_det = jacobian.log_det_plus_identity()
  np.testing.assert_allclose(log_det, expected, atol=1e-11)


@pytest.mark.parametrize('sizes', SHAPES)
def test_estimates_are_exact_where_probes_make_an_identity(sizes):
  """The mean of D probes sqrt(D) e_i is the trace; the series is then cut."""
  jacobian, dense = network(sizes, norm=0.95)
  size = sizes[0]
  probes = np.sqrt(size) * np.eye(size)[:, np.newaxis, np.newaxis, :]
  np.testing.assert_allclose(
    jacobian.trace_estimate(probes), jacobian.trace(), atol=1e-12
  )
  exact = jacobian.log_det_plus_identity()
  norm = np.max(np.linalg.norm(dense, 2, axis=(-2, -1)))
  assert norm < 0.9
  for terms in (1, 3, 8):
    estimate = jacobian.log_det_plus_identity_estimate(probes, terms)
    bound = size * norm ** (terms + 1) / ((terms + 1) * (1 - norm))
    assert np.max(abs(estimate - exact)) <= bound + 1e-15
  estimate = jacobian.log_det_plus_identity_estimate(probes, 200)
  np.testing.assert_allclose(estimate, exact, atol=1e-9)


def test_stop_gradient():
  weights = [tf.Variable(tf.ones([2, 3])), tf.Variable(tf.ones([3, 2]))]
  biases = [tf.zeros([3]), tf.zeros([2])]
  with tf.GradientTape() as tape:
    _, jacobian = math.apply_dense_layers(
      tf.ones([2]), weights, biases, [math.lip_swish]
    )
    trace = jacobian.stop_gradient().trace()
  np.testing.assert_allclose(trace, jacobian.trace())
  assert tape.gradient(trace, weights) == [None, None]


@pytest.mark.parametrize('steepness', [0.1, 1.0, 20.0])
def test_lip_swish_has_slopes_of_at_most_1(steepness):
  x = tf.constant(np.linspace(-50, 50, 100001))
  with tf.GradientTape() as tape:
    tape.watch(x)
    y, slope = math.lip_swish(x, steepness)
  np.testing.assert_allclose(slope, tape.gradient(y, x), atol=1e-12)
  assert 0.999 < np.max(slope) < 1
  assert np.min(slope) > -1


def test_probes_are_signs():
  x = tf.zeros([2, 3, 4], tf.float64)
  one, other = math.rademacher_probes(x, 100), math.rademacher_probes(x, 100)
  assert one.shape == [100, 2, 3, 4]
  assert one.dtype == tf.float64
  assert np.any(np.not_equal(one, other))
  assert abs(np.mean(one)) < 0.1
  np.testing.assert_array_equal(abs(one), np.ones([100, 2, 3, 4]))
  fixed = math.rademacher_probes(x, 100, seed=1)
  assert fixed.shape == [100, 1, 1, 4]
  np.testing.assert_array_equal(fixed, math.rademacher_probes(x, 100, seed=1))
  assert np.any(np.not_equal(fixed, math.rademacher_probes(x, 100, seed=2)))
