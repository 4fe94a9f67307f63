"""Convolutions with normalized weights."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_cinc.networks.layers import Conv2D
from tfp_cinc.networks.weight_norm import WeightNormConv2D

X = tf.random.stateless_normal([2, 4, 3, 2], [0, 0])


def test_starts_as_the_convolution_of_the_same_seed():
  plain, normalized = (
    kind(2, 3, 3, seed=1) for kind in (Conv2D, WeightNormConv2D)
  )
  np.testing.assert_allclose(normalized(X), plain(X), atol=1e-6)
  assert normalized(tf.cast(X, tf.bfloat16)).dtype == tf.bfloat16


def test_the_gain_alone_decides_the_length():
  conv = WeightNormConv2D(2, 3, 3, seed=1)
  conv._gain.assign([1.0, 2.0, -3.0])
  kernel, _ = conv.weights(tf.float32)
  lengths = np.linalg.norm(np.reshape(kernel, [18, 3]), axis=0)
  np.testing.assert_allclose(lengths, [1.0, 2.0, 3.0], rtol=1e-6)
  conv._kernel.assign(5.0 * conv._kernel)
  np.testing.assert_allclose(conv.weights(tf.float32)[0], kernel, rtol=1e-5)
  # So that the gradient of a direction is at a right angle to it.
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(conv(X) ** 2)
  gradient = tape.gradient(loss, conv._kernel)
  assert np.max(np.abs(gradient)) > 0.1
  inner = tf.reduce_sum(gradient * conv._kernel, axis=[0, 1, 2])
  np.testing.assert_allclose(inner, np.zeros(3), atol=1e-2)


def test_a_zero_start_can_be_trained_away_from():
  conv = WeightNormConv2D(2, 3, 3, start='zero', seed=1)
  with tf.GradientTape() as tape:
    y = conv(X)
    loss = tf.reduce_sum(y + y**2)
  np.testing.assert_array_equal(y, tf.zeros_like(y))
  gradient, other = tape.gradient(loss, [conv._gain, conv._kernel])
  assert np.all(np.isfinite(other))
  assert np.all(gradient != 0.0)
  assert len(np.unique(gradient)) == 3  # the channels will differ


def test_bad_start():
  with pytest.raises(ValueError, match='`start`'):
    WeightNormConv2D(2, 3, 3, start='ones')
