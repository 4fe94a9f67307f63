"""Networks whose condition is given."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_cinc import networks
from tfp_cinc.networks.condition import condition_channels
from tfp_cinc.networks.conditioned_network import with_condition

X = tf.random.stateless_normal([2, 4, 3, 2], [0, 0])
LABELS = tf.one_hot([0, 2], 3)


def make(factory, **options):
  """A conditional network with Variables away from where they start."""
  network = factory(
    2, 4, hidden_channels=4, condition_channels=3, seed=1, **options
  )
  rng = np.random.default_rng(0)
  for variable in network.trainable_variables:
    variable.assign_add(0.2 * rng.normal(size=variable.shape))
  return network


@pytest.mark.parametrize('name', networks.NETWORKS)
def test_is_the_network_under_the_condition(name):
  network = make(networks.NETWORKS[name])
  given = with_condition(network, LABELS, 'condition')
  assert (condition_channels(network), condition_channels(given)) == (3, 0)
  np.testing.assert_array_equal(given(X), network(X, LABELS))
  half = given.with_network_dtype('bfloat16')
  np.testing.assert_array_equal(
    half(X), network.with_network_dtype('bfloat16')(X, LABELS)
  )
  assert np.any(half(X) != given(X))


def test_gradients_reach_the_condition():
  network = make(networks.trainable_glow_network)
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(LABELS)
    ours = with_condition(network, LABELS, 'condition')(X)
    theirs = network(X, LABELS)
  slope = tape.gradient(ours, LABELS)
  assert np.any(slope)
  np.testing.assert_array_equal(slope, tape.gradient(theirs, LABELS))


def test_other_conditions_share_a_trace():
  network, traces = make(networks.trainable_glow_network), []

  @tf.function(autograph=False)
  def run(given, x):
    traces.append(given)
    return given(x)

  for labels in (LABELS, LABELS[::-1]):
    given = networks.ConditionedNetwork(network, labels)
    np.testing.assert_allclose(run(given, X), network(X, labels), atol=1e-5)
  assert len(traces) == 1


def test_blocks_of_a_shared_network():
  network = make(networks.trainable_shared_network, groups=2)
  given = with_condition(network, LABELS, 'condition')
  assert given.groups == 2
  blocks = tf.split(X, 2, axis=-1)
  for known in (None, blocks):
    read = given.read_blocks(known)
    y = tf.concat([read(block) for block in blocks], -1)
    np.testing.assert_allclose(y, network(X, LABELS), atol=1e-5)
