"""The residual network, against tf_keras layers put together by hand."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_cinc import networks


@pytest.mark.parametrize('normalization', ['layer', 'none'])
def test_is_the_formula(normalization):
  network = networks.trainable_residual_network(
    2,
    3,
    hidden_channels=4,
    num_blocks=2,
    normalization=normalization,
    seed=1,
    dtype=tf.float64,
  )
  rng = np.random.default_rng(0)
  for variable in network.trainable_variables:
    variable.assign_add(0.3 * rng.normal(size=variable.shape))
  weights = {v.name.split('/', 1)[1]: v.numpy() for v in network.variables}

  def conv(h, name):
    kernel, bias = (weights.pop(f'{name}/{v}:0') for v in ('kernel', 'bias'))
    layer = tf_keras.layers.Conv2D(
      len(bias), 3, padding='same', dtype=tf.float64
    )
    layer.build(h.shape)
    layer.set_weights([kernel, bias])
    return layer(h)

  def unit(h, name):
    if normalization == 'layer':
      layer = tf_keras.layers.LayerNormalization(epsilon=1e-5, dtype=tf.float64)
      layer.build(h.shape)
      parts = ('scale', 'shift')
      layer.set_weights(
        [weights.pop(f'{name}/layer_norm/{part}:0') for part in parts]
      )
      h = layer(h)
    return conv(tf.nn.relu(h), f'{name}/conv')

  x = tf.random.stateless_normal([2, 4, 5, 2], [0, 0], dtype=tf.float64)
  h = conv(x, 'first')
  for i in range(2):
    h += unit(unit(h, f'block_{i}_unit_0'), f'block_{i}_unit_1')
  np.testing.assert_allclose(network(x), unit(h, 'last'), atol=1e-10)
  assert not weights


def test_bad_input():
  with pytest.raises(ValueError, match="`normalization` is 'batch'"):
    networks.trainable_residual_network(2, 2, normalization='batch')
  with pytest.raises(ValueError, match='`num_blocks` is 0'):
    networks.trainable_residual_network(2, 2, num_blocks=0)
