"""The masked network of autoregressive flows."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.networks import trainable_masked_network

tfb = tfp.bijectors


def make(size, hidden_channels=12, num_layers=2, condition_channels=0):
  """A network away from its start, at which it is zero."""
  network = trainable_masked_network(
    size, hidden_channels, num_layers, condition_channels, dtype=tf.float64
  )
  rng = np.random.default_rng(0)
  for variable in network.trainable_variables:
    variable.assign(rng.normal(size=variable.shape))
  return network


def jacobian(function, x):
  with tf.GradientTape() as tape:
    tape.watch(x)
    y = function(x)
  return tape.jacobian(y, x).numpy()


@pytest.mark.parametrize('size', [1, 2, 5])
@pytest.mark.parametrize('num_layers', [1, 3])
def test_each_number_depends_on_all_before_it(size, num_layers):
  network = make(size, num_layers=num_layers)
  x = tf.random.stateless_normal([size], [0, 0], dtype=tf.float64)
  for output in (0, 1):
    found = jacobian(lambda x, i=output: network(x)[i], x)
    expected = np.tril(np.ones([size, size]), -1)
    np.testing.assert_array_equal(found != 0, expected != 0)


def test_is_tfps_network_of_the_same_kernels():
  network = make(4, hidden_channels=6, condition_channels=3)
  theirs = tfb.AutoregressiveNetwork(
    params=2,
    event_shape=[4],
    hidden_units=[6, 6],
    activation='tanh',
    conditional=True,
    conditional_event_shape=[3],
    dtype='float64',
  )
  theirs.build([None, 4])
  # Theirs puts the two outputs of a number side by side.
  order = np.arange(8).reshape([2, 4]).T.ravel()
  kernels = [
    mask * weight.numpy()
    for mask, weight in zip(network._masks(), network.weights, strict=True)
  ]
  values = []
  for kernel, bias, condition in zip(
    kernels, network.biases, network.condition_weights, strict=True
  ):
    values += [kernel, bias.numpy(), condition.numpy()]
  values[-3:] = [value[..., order] for value in values[-3:]]
  for variable, value in zip(theirs.trainable_variables, values, strict=True):
    variable.assign(value)
  x = tf.random.stateless_normal([7, 4], [0, 0], dtype=tf.float64)
  c = tf.random.stateless_normal([7, 3], [0, 1], dtype=tf.float64)
  shift, log_scale = network(x, conditional_input=c)
  expected = theirs(x, conditional_input=c)
  # Theirs activates in float32 whatever its dtype is.
  np.testing.assert_allclose(shift, expected[..., 0], atol=1e-5)
  np.testing.assert_allclose(
    log_scale, 5 * np.tanh(expected[..., 1] / 5), atol=1e-5
  )


def test_starts_at_zero():
  network = trainable_masked_network(3, 8, 2, condition_channels=2, seed=1)
  for output in network(tf.ones([2, 3]), conditional_input=tf.ones([2])):
    np.testing.assert_array_equal(output, np.zeros([2, 3]))


def test_a_condition_reaches_every_number():
  network = make(3, condition_channels=2)
  x = tf.ones([3], tf.float64)
  c = tf.ones([2], tf.float64)
  for output in (0, 1):
    found = jacobian(lambda c, i=output: network(x, c)[i], c)
    assert np.all(found != 0)
  # The batch shapes broadcast.
  shift, _ = network(tf.ones([4, 1, 3], tf.float64), tf.ones([5, 2]))
  assert shift.shape == [4, 5, 3]


def test_bad_input():
  x = tf.ones([2, 3], tf.float64)
  with pytest.raises(ValueError, match='no `conditional_input`'):
    make(3, condition_channels=2)(x)
  with pytest.raises(ValueError, match='a `conditional_input`'):
    make(3)(x, x)
  with pytest.raises(ValueError, match='this layer is for 2 channels'):
    make(3, condition_channels=2)(x, x)
  with pytest.raises(ValueError, match='this layer is for 4 channels'):
    make(4)(x)
  with pytest.raises(ValueError, match='`condition_channels` is -1'):
    trainable_masked_network(3, 4, 1, -1)
  with pytest.raises(ValueError, match='the sizes of the layers are'):
    trainable_masked_network(3, 4, 0)


def test_all_inputs_count_in_a_narrow_network():
  network = make(16, hidden_channels=4)
  x = tf.ones([16], tf.float64)
  derivative = jacobian(lambda x: network(x)[0], x)
  assert np.all(np.any(derivative[:, :-1] != 0, axis=0))
