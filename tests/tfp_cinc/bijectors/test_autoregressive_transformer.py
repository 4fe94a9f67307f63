"""Both solvers of an autoregressive transformer, against a plain loop."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_cinc import bijectors, networks
from tfp_cinc.math.fixed_point import triangular_fixed_point
from tfp_cinc.networks.transformers.tokens import as_image, as_tokens


def build(order='raster', make=networks.CausalTransformer, scale=0.3):
  """A layer of 2 x 3 pixels away from where it starts."""
  layer = bijectors.trainable_autoregressive_transformer(
    2,
    hidden_channels=8,
    num_heads=2,
    order=order,
    seed=1,
    dtype=tf.float64,
  )
  rng = np.random.default_rng(1)
  for variable in layer.trainable_variables:
    variable.assign_add(scale * rng.normal(size=variable.shape))
  return layer.copy(network=make(layer.network._transformer, order))


Z = tf.random.stateless_normal([3, 2, 3, 2], [0, 0], dtype=tf.float64)


def plain_loop(layer, z):
  """The inverse with a whole pass for each pixel."""
  order = layer.network.order
  z_tokens = as_tokens(z, order).numpy()
  x = np.zeros_like(z_tokens)
  for i in range(z_tokens.shape[1]):
    parameters = as_tokens(layer.network(as_image(x, z, order)), order)
    shift, log_scale = layer.shift_and_log_scale(parameters)
    x[:, i] = z_tokens[:, i] * np.exp(log_scale[:, i]) + shift[:, i]
  return as_image(x, z, order)


def check_solvers_agree(layer):
  """Both solvers give what the plain loop gives."""
  expected = plain_loop(layer, Z)
  np.testing.assert_allclose(layer.forward(tf.identity(expected)), Z, atol=1e-9)
  for solver in ('cache', 'jacobi'):
    found = layer.copy(solver=solver).inverse(tf.identity(Z))
    np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize('order', ['raster', 'reversed'])
def test_solvers_agree(order):
  check_solvers_agree(build(order))


class ForgetsEarlierTokens(networks.CausalTransformer):
  """Returns the cache of the first token at each step."""

  def read_pixels(self, x, condition=None):
    """Reads no token but the last."""
    state, step = super().read_pixels(x, condition)
    return state, lambda place, pixel, _: (step(place, pixel, state)[0], state)


def test_the_check_can_fail():
  with pytest.raises(AssertionError):
    check_solvers_agree(build(make=ForgetsEarlierTokens))


def test_gradients_of_the_inverse_are_those_of_the_plain_loop():
  layer = build()
  z = tf.identity(Z)
  weights = tf.random.stateless_normal(z.shape, [1, 1], dtype=tf.float64)
  places = [z, *layer.trainable_variables]

  def differentiable_loop(z):
    x = tf.zeros_like(z)
    for _ in range(6):  # each pass makes one more pixel exact
      shift, log_scale = layer.shift_and_log_scale(layer.network(x))
      x = z * tf.exp(log_scale) + shift
    return x

  def gradients(solve):
    with tf.GradientTape() as tape:
      tape.watch(z)
      loss = tf.reduce_sum(weights * tf.sin(solve(z)))
    return tape.gradient(loss, places)

  expected = gradients(differentiable_loop)
  for solver in ('cache', 'jacobi'):
    other = layer.copy(solver=solver)
    found = gradients(lambda z, other=other: other.inverse(z))
    for ours, right in zip(found, expected, strict=True):
      np.testing.assert_allclose(ours, right, rtol=1e-8, atol=1e-10)


def test_jacobi_stops_when_nothing_changes():
  layer = build(scale=0.01)  # pixels hardly depend on one another
  z = tf.random.stateless_normal([2, 8, 8, 2], [0, 0], dtype=tf.float64)

  def decode(x):
    shift, log_scale = layer.shift_and_log_scale(layer.network(x))
    return z * tf.exp(log_scale) + shift

  x, count = triangular_fixed_point(decode, z, length=64)
  assert int(count) < 20
  np.testing.assert_allclose(x, layer.inverse(tf.identity(z)), atol=1e-12)


def test_a_triangular_map_is_solved_in_as_many_steps_as_tokens():
  matrix = tf.constant(np.tri(5, k=-1) * 10.0)  # no contraction
  solution = np.linalg.solve(np.eye(5) - matrix, np.ones(5))
  x, count = triangular_fixed_point(
    lambda x: tf.linalg.matvec(matrix, x) + 1.0,
    tf.zeros([5], tf.float64),
    length=5,
  )
  np.testing.assert_allclose(x, solution, rtol=1e-12)
  assert int(count) == 5


def test_the_log_scale_is_bounded():
  layer = build(scale=30.0).copy(max_log_scale=0.5)
  _, log_scale = layer.shift_and_log_scale(layer.network(Z))
  assert np.max(np.abs(log_scale)) <= 0.5
  unbounded = layer.copy(max_log_scale=np.inf)
  _, log_scale = unbounded.shift_and_log_scale(layer.network(Z))
  assert np.max(np.abs(log_scale)) > 0.5


def test_a_network_that_is_not_causal_is_refused():
  network = networks.trainable_vision_transformer(2, 4, hidden_channels=8)
  with pytest.raises(
    ValueError, match='VisionTransformer, which is not causal'
  ):
    bijectors.AutoregressiveTransformer(network)
  network = networks.trainable_causal_transformer(2, 2, hidden_channels=8)
  layer = bijectors.AutoregressiveTransformer(network)
  with pytest.raises(ValueError, match='2 channels; for 2 channels it must'):
    layer.forward(tf.zeros([1, 2, 3, 2]))


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'solver': 'newton'}, "`solver` is 'newton'"),
    ({'max_log_scale': 0.0}, '`max_log_scale` is 0.0'),
  ],
)
def test_bad_arguments_are_named(options, message):
  with pytest.raises(ValueError, match=message):
    build().copy(**options)
