"""What is special to the network that the blocks of a coupling share."""

import collections

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tfp_cinc import networks


def make(dtype=tf.float64, **options):
  """A network of 3 groups, with variables away from where they start."""
  network = networks.trainable_shared_network(
    6, 9, groups=3, hidden_channels=8, seed=1, dtype=dtype, **options
  )
  rng = np.random.default_rng(0)
  for variable in network.trainable_variables:
    change = 0.2 * rng.normal(size=variable.shape)
    variable.assign_add(tf.cast(change, dtype))
  return network


def images(*batch_shape, channels=6, dtype=tf.float64):
  shape = [*batch_shape, 4, 3, channels]
  return tf.random.stateless_normal(shape, [0, 0], dtype=dtype)


def block_by_block(network, x, condition=None):
  """The network's output, from a group of its input after the other."""
  read = network.read_blocks(condition=condition)
  return tf.concat([read(part) for part in tf.split(x, 3, axis=-1)], -1)


@pytest.mark.parametrize(
  ('batch_shape', 'condition_shape'),
  [([2], None), ([], None), ([0], [2]), ([2, 3], [3, 2]), ([2], [8, 6, 2])],
)
def test_group_by_group_is_what_it_is_at_once(batch_shape, condition_shape):
  network, condition = make(), None
  if condition_shape:
    network = make(condition_channels=2)
    rng = np.random.default_rng(1)
    condition = tf.constant(rng.normal(size=condition_shape))
  x = images(*batch_shape)
  y = network(x, condition)
  assert y.shape == [*batch_shape, 4, 3, 9]
  np.testing.assert_allclose(
    block_by_block(network, x, condition), y, atol=1e-12
  )


def test_precision_is_the_same_group_by_group():
  network = make(tf.float32, network_dtype='bfloat16')
  x = images(4, dtype=tf.float32)
  exact = make(tf.float32)(x)
  y = block_by_block(network, x)
  assert y.dtype == tf.float32
  error = np.linalg.norm(y - exact) / np.linalg.norm(exact)
  assert 1e-4 < error < 0.02
  full = network.with_network_dtype(None)
  error = np.linalg.norm(block_by_block(full, x) - exact)
  assert error < 1e-5 * np.linalg.norm(exact)


def test_output_depends_on_inputs_up_to_its_own():
  network = make()
  x = tf.Variable(images(1))
  with tf.GradientTape() as tape:
    y = tf.reduce_sum(network(x), axis=[0, 1, 2])
  slopes = np.abs(tape.jacobian(y, x)).sum(axis=(1, 2, 3)).reshape(3, 3, 3, 2)
  reads = slopes.min(axis=(1, 3)) > 0
  np.testing.assert_array_equal(reads, np.tri(3, dtype=bool))
  np.testing.assert_array_equal(slopes.max(axis=(1, 3)) > 0, reads)


def test_with_one_group_it_is_the_pointwise_network():
  shared = networks.trainable_shared_network(2, 4, hidden_channels=5, seed=1)
  other = networks.trainable_pointwise_network(2, 4, hidden_channels=5, seed=1)
  rng = np.random.default_rng(0)
  for ours, theirs in zip(shared.variables, other.variables, strict=True):
    np.testing.assert_array_equal(ours, theirs)
    theirs.assign_add(rng.normal(size=theirs.shape))
    ours.assign(theirs)
  x = images(2, channels=2, dtype=tf.float32)
  np.testing.assert_allclose(shared(x), other(x), atol=1e-5)


def test_has_no_variables_for_the_zeros_of_its_kernels():
  sizes = sorted(
    int(np.prod(v.shape)) for v in make().variables if 'kernel' in v.name
  )
  hidden = [2, 3, 3]  # of 8
  reads = [2, 5, 8]
  assert sizes == sorted(
    [9 * 2 * (j + 1) * hidden[j] for j in range(3)]
    + [reads[j] * hidden[j] for j in range(3)]
    + [reads[j] * 3 for j in range(3)]
  )


def test_a_coupling_runs_it_once_in_either_direction(monkeypatch):
  """Forward runs it as a whole; the inverse runs each group once."""
  network = networks.trainable_shared_network(
    3, 6, groups=3, hidden_channels=4, seed=1
  )
  coupling = tfp_cinc.bijectors.BlockCoupling(network)
  whole, convs = [], collections.Counter()

  def apply(self, x, run=networks.SharedNetwork._apply):
    whole.append(x)
    return run(self, x)

  def convolve(self, x, run=networks.Conv2D.__call__):
    convs[id(self)] += 1
    return run(self, x)

  monkeypatch.setattr(networks.SharedNetwork, '_apply', apply)
  monkeypatch.setattr(networks.Conv2D, '__call__', convolve)
  y = coupling.forward(images(2, channels=4, dtype=tf.float32))
  assert (len(whole), len(convs)) == (1, 0)
  coupling.inverse(tf.identity(y))
  assert len(whole) == 1
  assert sorted(convs.values()) == [1] * 9  # 3 layers of 3 groups


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'in_channels': 4}, '`in_channels` is 4 and `out_channels` 6; both must'),
    ({'out_channels': 5}, 'both must be divisible by `groups` = 3'),
    ({'hidden_channels': 2}, '`hidden_channels` is 2; it must be at least `gr'),
    ({'groups': 0}, '`groups` is 0; it must be at least 1'),
  ],
)
def test_bad_sizes(options, message):
  sizes = {'in_channels': 3, 'out_channels': 6, 'groups': 3, **options}
  with pytest.raises(ValueError, match=message):
    networks.trainable_shared_network(**{'hidden_channels': 8, **sizes})


def test_bad_use():
  network = make()
  with pytest.raises(ValueError, match='this layer is for 2 channels'):
    network.read_blocks()(images(1))
  with pytest.raises(ValueError, match='this network takes none'):
    network.read_blocks(condition=tf.zeros([2]))(images(1, channels=2))
  coupling = tfp_cinc.bijectors.BlockCoupling(network, dtype=tf.float64)
  with pytest.raises(ValueError, match='6 channels are not divisible into 4'):
    coupling.forward(images(1))
  with pytest.raises(ValueError, match='this layer is for 6 channels'):
    coupling.forward(images(1, channels=4))
  with pytest.raises(ValueError, match='this layer is for 2 channels'):
    coupling.inverse(images(1, channels=4))
  with pytest.raises(ValueError, match='Affine needs 2 parameters for each'):
    coupling.forward(images(1, channels=8))
