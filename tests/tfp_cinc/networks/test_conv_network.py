"""Convolutions and networks of them in a row, against tf_keras."""

import collections

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_cinc import networks


@pytest.mark.parametrize('kernel_size', [1, 2, 3])
def test_conv2d_is_that_of_keras(kernel_size):
  ours = networks.trainable_conv2d(2, 3, kernel_size, seed=1, dtype=tf.float64)
  theirs = tf_keras.layers.Conv2D(
    3, kernel_size, padding='same', dtype=tf.float64
  )
  x = tf.random.stateless_normal([2, 5, 4, 2], [0, 0], dtype=tf.float64)
  theirs(x)
  bias, kernel = ours.variables
  bias.assign([1.0, 2.0, 3.0])
  theirs.set_weights([kernel, bias])
  np.testing.assert_allclose(ours(x), theirs(x), atol=1e-12)
  start = networks.trainable_conv2d(2, 3, 1, start='zero')
  assert not np.any(start.kernel)


def test_kernels_start_with_the_variance_of_he():
  kernel = networks.trainable_conv2d(32, 64, 3, seed=1).kernel
  np.testing.assert_allclose(np.var(kernel), 2 / (9 * 32), rtol=0.02)
  np.testing.assert_allclose(np.mean(kernel), 0.0, atol=2e-3)
  one, other = (networks.trainable_conv2d(1, 9, 1).kernel for _ in range(2))
  assert np.any(one.numpy() != other.numpy())


def test_is_a_keras_model_of_the_same_layers():
  network = networks.trainable_conv_network(
    2, [(4, 3), (5, 1), (3, 2)], seed=1, dtype=tf.float64
  )
  rng = np.random.default_rng(0)
  for variable in network.trainable_variables:
    variable.assign_add(rng.normal(size=variable.shape))
  weights = {v.name.split('/', 1)[1]: v.numpy() for v in network.variables}
  model = tf_keras.Sequential(
    [
      tf_keras.layers.Conv2D(
        channels, size, padding='same', activation=activation, dtype=tf.float64
      )
      for channels, size, activation in (
        (4, 3, 'relu'),
        (5, 1, 'relu'),
        (3, 2, None),
      )
    ]
  )
  x = tf.random.stateless_normal([2, 4, 5, 2], [0, 0], dtype=tf.float64)
  model(x)
  model.set_weights(
    [weights[f'conv_{i}/{v}:0'] for i in range(3) for v in ('kernel', 'bias')]
  )
  np.testing.assert_allclose(network(x), model(x), atol=1e-10)


@pytest.mark.parametrize(
  ('network_dtype', 'casts'), [(None, 0), ('bfloat16', 8)]
)
def test_traces_nothing_beside_its_layers(network_dtype, casts):
  """Training traces and runs it hundreds of times."""
  network = networks.trainable_glow_network(
    2, 4, hidden_channels=3, network_dtype=network_dtype
  )
  signature = [tf.TensorSpec([8, 4, 4, 2])]
  graph = tf.function(
    network, input_signature=signature, autograph=False
  ).get_concrete_function()
  types = (operation.type for operation in graph.graph.get_operations())
  types = collections.Counter(types)
  kinds = ('Conv2D', 'BiasAdd', 'Relu', 'ReadVariableOp', 'Cast')
  assert [types.pop(kind, 0) for kind in kinds] == [3, 3, 2, 6, casts]
  assert set(types) <= {'Placeholder', 'NoOp', 'Identity'}
  assert types['Identity'] <= 1


def test_layers_of_the_networks_of_the_papers():
  def shapes(network):
    return [v.shape for v in network.variables if 'kernel' in v.name]

  glow = networks.trainable_glow_network(6, 12, hidden_channels=5)
  assert shapes(glow) == [[3, 3, 6, 5], [1, 1, 5, 5], [3, 3, 5, 12]]
  dense = networks.trainable_dense_network(6, 12, hidden_channels=5)
  hidden = [[1, 1, 5, 5]] * 4
  assert shapes(dense) == [[1, 1, 6, 5], *hidden, [1, 1, 5, 12]]
  prior = networks.trainable_zero_conv_network(6, 12, condition_channels=10)
  assert shapes(prior) == [[3, 3, 16, 12]]


def test_dense_network_is_fully_connected():
  network = networks.trainable_dense_network(
    3, 2, hidden_channels=4, num_layers=1
  )
  last = network.variables[-1]
  last.assign(tf.random.stateless_normal(last.shape, [0, 0]))
  x = tf.random.stateless_normal([5, 1, 1, 3], [1, 0])
  first = network.variables[1]
  hidden = np.maximum(x[:, 0, 0].numpy() @ first[0, 0].numpy(), 0)
  expected = hidden @ last[0, 0].numpy()
  np.testing.assert_allclose(network(x)[:, 0, 0], expected, atol=1e-5)


def test_bad_input():
  with pytest.raises(ValueError, match='`convs` is empty'):
    networks.trainable_conv_network(2, [])
  with pytest.raises(ValueError, match='`kernel_size` is 0'):
    networks.trainable_conv2d(1, 1, 0)
  with pytest.raises(ValueError, match="did you mean 'zero'"):
    networks.trainable_conv2d(1, 1, 1, start='zeros')
  with pytest.raises(ValueError, match='`num_layers` is 0'):
    networks.trainable_dense_network(2, 2, num_layers=0)
  with pytest.raises(ValueError, match=r'they must be \[..., H, W, C\]'):
    networks.trainable_glow_network(2, 2, hidden_channels=1)(tf.zeros([3, 2]))


@pytest.mark.parametrize('kernel_size', [1, 2, 3, 5])
@pytest.mark.parametrize(
  ('batch_shape', 'condition_shape'),
  [
    ([], [3]),
    ([2], [3]),
    ([2], [2, 3]),
    ([0], [3]),
    ([4, 2], [2, 3]),
    ([4, 2], [4, 1, 1, 1, 3]),
  ],
)
def test_a_condition_vector_is_a_map_of_equal_pixels(
  kernel_size, batch_shape, condition_shape
):
  """Also at the border, and for images that are smaller than the kernel."""
  network = networks.trainable_conv_network(
    2, [(4, kernel_size), (3, 1)], condition_channels=3, dtype=tf.float64
  )
  rng = np.random.default_rng(0)
  for variable in network.trainable_variables:
    variable.assign(rng.normal(size=variable.shape))
  x = tf.constant(rng.normal(size=[*batch_shape, 4, 3, 2]))
  condition = tf.constant(rng.normal(size=condition_shape))
  pixel = condition
  if len(condition_shape) < 3:
    pixel = condition[..., tf.newaxis, tf.newaxis, :]
  shape = [*pixel.shape[:-3], 4, 3, 3]
  expected = network(x, tf.broadcast_to(pixel, shape))
  np.testing.assert_allclose(network(x, condition), expected, atol=1e-12)
