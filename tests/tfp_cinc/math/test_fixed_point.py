"""Fixed points of contractions."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfp_cinc.math import fixed_point


def contraction(coefficient, size=4, seed=0):
  """x -> A x + b with |A| = coefficient, and its fixed point."""
  rng = np.random.default_rng(seed)
  rotation = np.linalg.qr(rng.normal(size=[size, size]))[0]
  matrix, shift = coefficient * rotation, rng.normal(size=size)
  solution = np.linalg.solve(np.eye(size) - matrix, shift)
  return lambda x: tf.linalg.matvec(matrix, x) + shift, solution


@pytest.mark.parametrize('coefficient', [0.1, 0.5, 0.9])
def test_ends_at_rounding_within_the_bound_of_iterations(coefficient):
  function, solution = contraction(coefficient)
  start = tf.random.stateless_normal([3, 4], [0, 0], dtype=tf.float64)
  x, count = fixed_point(function, start)
  np.testing.assert_allclose(x, np.tile(solution, [3, 1]), atol=2e-14)
  first = np.max(np.linalg.norm(function(start) - start, axis=-1))
  # The steps are coefficient^n times the first one, up to epsilon.
  assert int(count) <= 3 + math.log(2.3e-16 / first) / math.log(coefficient)


@pytest.mark.parametrize('count', [1, 3, 10])
def test_the_error_has_its_bound(count):
  function, solution = contraction(0.7)
  start = tf.ones([1, 4], tf.float64)
  x, taken = fixed_point(function, start, max_iterations=count)
  assert int(taken) == count
  first = np.linalg.norm(function(start) - start)
  assert np.linalg.norm(x - solution) <= 0.7**count / 0.3 * first


def test_a_tolerance_ends_earlier():
  function, solution = contraction(0.7)
  start = tf.ones([2, 4], tf.float64)
  x, count = fixed_point(function, start, tolerance=1e-4)
  _, full = fixed_point(function, start)
  assert int(count) < int(full) / 2
  np.testing.assert_allclose(x, np.tile(solution, [2, 1]), atol=1e-3)


def test_a_tolerance_of_zero_ends_by_rounding():
  function, solution = contraction(0.5)
  x, count = fixed_point(function, tf.ones([2, 4], tf.float64), tolerance=0.0)
  assert int(count) < 80
  np.testing.assert_allclose(x, np.tile(solution, [2, 1]), atol=1e-14)


def test_what_is_not_a_number_and_an_empty_batch_end():
  function, _ = contraction(0.5)
  _, count = fixed_point(function, tf.constant([[np.nan] * 4], tf.float64))
  assert int(count) <= 1
  x, count = fixed_point(function, tf.zeros([0, 4], tf.float64))
  assert x.shape == [0, 4]
  assert int(count) == 0
