"""Networks as values: each is a composite tensor of its Variables."""

import copy
import functools
import pickle

import numpy as np
import pytest
import tensorflow as tf

from tfp_cinc import networks

IMAGES = tf.random.stateless_normal([2, 4, 3, 2], [0, 0])
VECTORS = tf.random.stateless_normal([5, 3], [0, 1])

# From a name to (a factory with the argument `seed`, the inputs).
CASES = {
  name: (
    functools.partial(factory, 2, 4, hidden_channels=4),
    (IMAGES,),
  )
  for name, factory in networks.NETWORKS.items()
} | {
  'lipschitz': (
    functools.partial(networks.trainable_lipschitz_network, 3, 4, 2),
    (VECTORS,),
  ),
  'masked': (
    functools.partial(networks.trainable_masked_network, 3, 4, 2),
    (VECTORS,),
  ),
  'velocity': (
    functools.partial(networks.trainable_velocity_network, 3, 4, 2),
    (tf.constant(0.5), VECTORS),
  ),
  'zero_conv': (
    functools.partial(networks.trainable_zero_conv_network, 2, 4),
    (IMAGES,),
  ),
}

every_network = pytest.mark.parametrize('name', CASES)


def make(name, seed=1):
  """A network with Variables away from where they start."""
  network = CASES[name][0](seed=seed)
  rng = np.random.default_rng(seed)
  for variable in network.trainable_variables:
    variable.assign_add(0.2 * rng.normal(size=variable.shape))
  return network


def assert_same(ours, theirs, tolerance=0.0):
  tf.nest.map_structure(
    lambda a, b: np.testing.assert_allclose(a, b, tolerance, tolerance),
    ours,
    theirs,
  )


@every_network
@pytest.mark.parametrize(
  'copy_of',
  [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))],
  ids=['deepcopy', 'pickle'],
)
def test_a_copy_is_the_same_network_on_other_variables(name, copy_of):
  network, inputs = make(name), CASES[name][1]
  other, expected = copy_of(network), network(*inputs)
  assert (type(other), other.name) == (type(network), network.name)
  assert len(other.trainable_variables) == len(network.trainable_variables)
  assert_same(other(*inputs), expected)
  for variable in network.trainable_variables:
    variable.assign(tf.zeros_like(variable))
  assert_same(other(*inputs), expected)
  assert any(np.any(y) for y in tf.nest.flatten(expected))
  assert not any(np.any(y) for y in tf.nest.flatten(network(*inputs)))


@every_network
def test_two_of_a_kind_share_a_trace(name):
  inputs, traces = CASES[name][1], []

  @tf.function(autograph=False)
  def run(network, *inputs):
    traces.append(network)
    return network(*inputs)

  for seed in (1, 2):
    network = make(name, seed)
    assert_same(run(network, *inputs), network(*inputs), tolerance=1e-5)
  assert len(traces) == 1


@pytest.mark.parametrize('name', networks.NETWORKS)
def test_another_network_dtype_has_a_trace_of_its_own(name):
  inputs, network = CASES[name][1], make(name)
  run = tf.function(lambda network, *inputs: network(*inputs), autograph=False)
  exact = run(network, *inputs)
  half = network.with_network_dtype('bfloat16')
  error = np.linalg.norm(run(half, *inputs) - exact)
  assert 1e-4 < error / np.linalg.norm(exact) < 0.02
  assert_same(run(half.with_network_dtype(None), *inputs), exact)


@every_network
def test_consists_of_its_variables(name):
  """Tensors can take their place, and have gradients."""
  inputs, network = CASES[name][1], make(name)
  leaves = tf.nest.flatten(network, expand_composites=True)
  assert {id(leaf) for leaf in leaves} == {id(v) for v in network.variables}
  places = [tf.convert_to_tensor(leaf) for leaf in leaves]
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(places)
    other = tf.nest.pack_sequence_as(network, places, expand_composites=True)
    ours, theirs = (
      [tf.reduce_sum(y**2) for y in tf.nest.flatten(n(*inputs))]
      for n in (network, other)
    )
  assert not other.variables
  assert_same(ours, theirs)
  assert_same(tape.gradient(ours, leaves), tape.gradient(theirs, places))
