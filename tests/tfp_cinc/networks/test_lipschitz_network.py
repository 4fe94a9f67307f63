"""Networks of a bounded Lipschitz constant."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tfp_cinc.networks import LipschitzNetwork, trainable_lipschitz_network


@hypothesis.given(
  size=st.integers(1, 5),
  hidden_channels=st.integers(1, 7),
  num_layers=st.integers(1, 3),
  coefficient=st.floats(0.05, 0.99),
  scale=st.sampled_from([0.01, 1.0, 100.0]),
  seed=st.integers(0, 100),
)
@hypothesis.settings(
  max_examples=40, deadline=None, derandomize=True, database=None
)
def test_the_bound_holds(
  size, hidden_channels, num_layers, coefficient, scale, seed
):
  network = trainable_lipschitz_network(
    size, hidden_channels, num_layers, coefficient, seed=seed, dtype=tf.float64
  )
  rng = np.random.default_rng(seed)
  for variable in network.trainable_variables:
    variable.assign(scale * rng.normal(size=variable.shape))
  bound = coefficient ** (1 / (num_layers + 1))
  for given, used in zip(
    network.weights, network.bounded_weights(), strict=True
  ):
    norm = np.linalg.norm(given, 2)
    np.testing.assert_allclose(
      used, given.numpy() / max(1, norm / bound), rtol=1e-9
    )
  x, y = rng.normal(size=[2, 50, size])
  distance = np.linalg.norm(network(x) - network(y), axis=-1)
  bounds = coefficient * np.linalg.norm(x - y, axis=-1)
  assert np.all(distance <= bounds * (1 + 1e-9))


def test_the_norm_has_its_gradient():
  """Also where the weight is zero and no eigenvalue has one."""
  network = trainable_lipschitz_network(3, 4, 1, seed=0, dtype=tf.float64)
  network.weights[0].assign(3 * network.weights[0])
  network.weights[1].assign(tf.zeros([4, 3], tf.float64))
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(network.bounded_weights()[0] ** 3)
    loss += tf.reduce_sum(network.bounded_weights()[1])
  first, last = tape.gradient(loss, network.weights)
  np.testing.assert_allclose(last, np.ones([4, 3]))
  # The bounded weight does not change when the weight grows by a factor.
  np.testing.assert_allclose(
    tf.reduce_sum(first * network.weights[0]), 0, atol=1e-12
  )
  assert np.linalg.norm(first) > 0.01


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (([(3, 4), (4, 3)], [4, 3], 1, 1.0), '`coefficient` is 1.0'),
    (([(3, 3)], [3], 0, 0.9), 'there are 1 `weights`'),
    (([(3, 4), (4, 2)], [4, 2], 1, 0.9), '`weights` have the shapes'),
    (([(3, 4), (5, 3)], [4, 3], 1, 0.9), '`weights` have the shapes'),
    (([(3, 4), (4, 3)], [4, 4], 1, 0.9), '`biases` have the shapes'),
    (([(3, 4), (4, 3)], [4, 3], 2, 0.9), '`raw_steepness` has shape'),
  ],
)
def test_bad_parameters(arguments, message):
  weights, biases, steepness, coefficient = arguments
  with pytest.raises(ValueError, match=message):
    LipschitzNetwork(
      [tf.zeros(shape) for shape in weights],
      [tf.zeros([size]) for size in biases],
      tf.zeros([steepness]),
      coefficient,
    )


@pytest.mark.parametrize('sizes', [(0, 4, 1), (3, 0, 1), (3, 4, 0)])
def test_bad_sizes(sizes):
  with pytest.raises(ValueError, match='the sizes of the layers are'):
    trainable_lipschitz_network(*sizes)
