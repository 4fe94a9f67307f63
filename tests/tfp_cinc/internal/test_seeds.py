"""Random numbers from a seed, on each device and with XLA."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.internal import seeds
from tfp_cinc.saved_model import fixed_noise


@pytest.mark.parametrize('dtype', [tf.float32, tf.float64])
@pytest.mark.parametrize('seed', [[0, 0], [7, -3]])
def test_uniform_is_that_of_the_cpu_with_xla_too(dtype, seed):
  def uniform(seed):
    return seeds.stateless_uniform([3, 5, 1], seed, dtype)

  seed = tf.constant(seed)
  expected = tf.random.stateless_uniform([3, 5, 1], seed, dtype=dtype)
  with_xla = tf.function(uniform, jit_compile=True)
  for found in (uniform(seed), tf.function(uniform)(seed), with_xla(seed)):
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


def test_fixed_noise_with_xla():
  shape, seed = [4, 4, 3], tf.constant([0, 0])
  expected = tf.random.stateless_uniform(shape, seed)
  np.testing.assert_array_equal(fixed_noise(shape), expected)
  with_xla = tf.function(lambda s: fixed_noise(shape, s), jit_compile=True)
  np.testing.assert_array_equal(with_xla(seed), expected)


def test_random_bits_are_those_of_random_integers():
  signs = tf.random.stateless_uniform([9], [3, 0], maxval=2, dtype=tf.int32)
  np.testing.assert_array_equal(seeds.random_bits([9], [3, 0]) % 2, signs)


def test_seeds_are_those_of_tfp():
  pair = tf.constant([7, -3])
  expected = tfp.random.sanitize_seed(pair, 'salt')
  for seed in (pair, [7, -3], np.array([7, -3]), lambda: pair):
    np.testing.assert_array_equal(seeds.as_seed(seed, 'salt'), expected)
  for seed in (3, np.int64(3)):
    tf.random.set_seed(1)
    found = seeds.as_seed(seed, 'salt')
    tf.random.set_seed(1)
    expected = tfp.random.sanitize_seed(3, 'salt')
    np.testing.assert_array_equal(found, expected)
