"""Layer normalization, against tf_keras."""

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_cinc import networks


def test_layer_norm_is_that_of_keras():
  ours = networks.trainable_layer_norm(5, dtype=tf.float64)
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
  norm = networks.trainable_layer_norm(64)
  x = 100 + tf.random.stateless_normal([16, 64], [0, 0])
  x = tf.cast(x, tf.bfloat16)
  y = norm(x)
  assert y.dtype == tf.bfloat16
  expected = norm(tf.cast(x, tf.float32))
  np.testing.assert_array_equal(y, tf.cast(expected, tf.bfloat16))


def test_constant_channels_are_no_nan():
  x = tf.Variable(tf.ones([1, 3]))
  norm = networks.trainable_layer_norm(3)
  with tf.GradientTape() as tape:
    y = norm(x)
  np.testing.assert_array_equal(y, tf.zeros([1, 3]))
  assert np.all(np.isfinite(tape.gradient(y, x)))
