"""The parts of networks, against tf_keras."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_cinc.networks import layers


@pytest.mark.parametrize('kernel_size', [1, 2, 3])
def test_conv2d_is_that_of_keras(kernel_size):
  ours = layers.Conv2D(2, 3, kernel_size, seed=1, dtype=tf.float64)
  theirs = tf_keras.layers.Conv2D(
    3, kernel_size, padding='same', dtype=tf.float64
  )
  x = tf.random.stateless_normal([2, 5, 4, 2], [0, 0], dtype=tf.float64)
  theirs(x)
  bias, kernel = ours.variables
  bias.assign([1.0, 2.0, 3.0])
  theirs.set_weights([kernel, bias])
  np.testing.assert_allclose(ours(x), theirs(x), atol=1e-12)
  assert not np.any(layers.Conv2D(2, 3, 1, start='zero').variables[1])


def test_kernels_start_with_the_variance_of_he():
  kernel = layers.Conv2D(32, 64, 3, seed=1).variables[1]
  np.testing.assert_allclose(np.var(kernel), 2 / (9 * 32), rtol=0.02)
  np.testing.assert_allclose(np.mean(kernel), 0.0, atol=2e-3)
  one, other = (layers.Conv2D(1, 9, 1).variables[1] for _ in range(2))
  assert np.any(one.numpy() != other.numpy())


def test_layer_norm_is_that_of_keras():
  ours = layers.LayerNorm(5, dtype=tf.float64)
  theirs = tf_keras.layers.LayerNormalization(epsilon=1e-5, dtype=tf.float64)
  x = 3 + 2 * tf.random.stateless_normal([2, 4, 5], [0, 0], dtype=tf.float64)
  theirs(x)
  np.testing.assert_allclose(ours(x), theirs(x), atol=1e-10)
  scale, shift = ours.variables
  scale.assign(np.arange(5.0))
  shift.assign(np.arange(5.0) ** 2)
  theirs.set_weights([scale, shift])
  np.testing.assert_allclose(ours(x), theirs(x), atol=1e-10)


def test_layer_norm_of_bfloat16_is_computed_in_float32():
  norm = layers.LayerNorm(64)
  x = 100 + tf.random.stateless_normal([16, 64], [0, 0])
  x = tf.cast(x, tf.bfloat16)
  y = norm(x)
  assert y.dtype == tf.bfloat16
  expected = norm(tf.cast(x, tf.float32))
  np.testing.assert_array_equal(y, tf.cast(expected, tf.bfloat16))


def test_constant_channels_are_no_nan():
  x = tf.Variable(tf.ones([1, 3]))
  norm = layers.LayerNorm(3)
  with tf.GradientTape() as tape:
    y = norm(x)
  np.testing.assert_array_equal(y, tf.zeros([1, 3]))
  assert np.all(np.isfinite(tape.gradient(y, x)))


def test_bad_input():
  with pytest.raises(ValueError, match='`kernel_size` is 0'):
    layers.Conv2D(1, 1, 0)
  with pytest.raises(ValueError, match="did you mean 'zero'"):
    layers.Conv2D(1, 1, 1, start='zeros')
