"""What is special to OneByOneConv2D, beside the conformance set."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc


def test_starts_as_a_rotation():
  layer = tfp_cinc.trainable_one_by_one_conv2d(6, seed=0, dtype=tf.float64)
  matrix = layer.matrix.dense().numpy()
  np.testing.assert_allclose(matrix @ matrix.T, np.eye(6), atol=1e-12)


def test_acts_on_the_channels_of_each_pixel():
  layer = tfp_cinc.trainable_one_by_one_conv2d(3, seed=0)
  x = tf.random.stateless_normal([2, 4, 5, 3], [0, 0])
  np.testing.assert_allclose(
    layer.forward(x), x.numpy() @ layer.matrix.dense().numpy(), atol=1e-5
  )


@pytest.mark.parametrize('method', ['forward', 'inverse'])
def test_wrong_channels_are_named(method):
  """2 * 4 * 4 * 2 numbers would also be 4-vectors: it must not guess."""
  layer = tfp_cinc.trainable_one_by_one_conv2d(4)
  with pytest.raises(ValueError, match='this layer is for 4 channels'):
    getattr(layer, method)(tf.zeros([2, 4, 4, 2]))
