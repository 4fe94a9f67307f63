"""Invertible residual blocks."""

import gc
import math
import weakref

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc


def make(coefficient=0.9, scale=3.0, size=6, **options):
  """A layer that uses up its Lipschitz constant and expands space."""
  layer = tfp_cinc.bijectors.trainable_residual_flow(
    size,
    hidden_channels=8,
    num_layers=1,
    coefficient=coefficient,
    seed=0,
    dtype=tf.float64,
    **options,
  )
  rng = np.random.default_rng(0)
  for variable in layer.trainable_variables:
    variable.assign(scale * rng.normal(size=variable.shape))
  first, last = layer.network.weights
  last.assign(tf.transpose(first))
  return layer


def inputs(batch=4, size=6):
  rng = np.random.default_rng(1)
  return tf.constant(rng.normal(size=[batch, size]))


def log_det(layer, x):
  return layer.forward_log_det_jacobian(tf.identity(x), 1).numpy()


@pytest.mark.parametrize('coefficient', [0.3, 0.9, 0.99])
def test_forward_and_inverse(coefficient):
  layer, x = make(coefficient), inputs()
  y = layer.forward(x)
  np.testing.assert_allclose(y, x + layer.network(x), atol=1e-14)
  np.testing.assert_allclose(layer.inverse(tf.identity(y)), x, atol=1e-13)


@pytest.mark.parametrize('count', [1, 2, 5])
def test_error_of_few_iterations_has_its_bound(count):
  layer = make(0.7, max_iterations=count)
  x = inputs()
  y = tf.identity(layer.forward(x))
  error = np.linalg.norm(layer.inverse(y) - x, axis=-1)
  bound = 0.7**count / 0.3 * np.linalg.norm(layer.network(y), axis=-1)
  assert np.all(error <= bound)
  assert np.all(error > 0)


@pytest.mark.parametrize('num_terms', [2, 5, 10])
def test_power_series_is_exact_within_its_bounds(num_terms):
  coefficient, num_probes = 0.6, 80000
  x = inputs(batch=2)
  exact = log_det(make(coefficient), x)
  series = make(
    coefficient,
    log_det='power_series',
    num_terms=num_terms,
    num_probes=num_probes,
    probe_seed=1,
  )
  size = x.shape[-1]
  truncation = (
    size
    * coefficient ** (num_terms + 1)
    / ((num_terms + 1) * (1 - coefficient))
  )
  deviation = -math.log(1 - coefficient) * math.sqrt(2 * size / num_probes)
  assert abs(log_det(series, x) - exact).max() <= truncation + 3 * deviation
  assert 3 * deviation < 0.1 * abs(exact).max()  # so that it says something


def test_more_terms_come_closer():
  x = inputs(batch=2)
  exact = log_det(make(0.6), x)
  options = {'log_det': 'power_series', 'num_probes': 20000, 'probe_seed': 1}
  one, ten = (
    abs(log_det(make(0.6, num_terms=n, **options), x) - exact).max()
    for n in (1, 10)
  )
  assert ten < 0.1 * one


def test_probes_are_fixed_by_a_seed_alone():
  x = inputs(batch=2)
  fixed = make(log_det='power_series', probe_seed=3)
  np.testing.assert_array_equal(log_det(fixed, x), log_det(fixed, x))
  y = tf.identity(fixed.forward(x))
  np.testing.assert_allclose(
    fixed.inverse_log_det_jacobian(y, 1), -log_det(fixed, x), atol=1e-12
  )
  free = make(log_det='power_series')
  # Two draws of these signs may agree.
  draws = [log_det(free, x) for _ in range(10)]
  assert np.all(np.ptp(draws, axis=0) > 0)


def test_gradient_of_the_power_series_is_of_its_value():
  layer = make(0.6, scale=0.5, log_det='power_series', probe_seed=3)
  x = inputs()
  places = layer.trainable_variables
  rng = np.random.default_rng(2)
  directions = [tf.constant(rng.normal(size=p.shape)) for p in places]
  with tf.GradientTape() as tape:
    value = tf.reduce_sum(layer.forward_log_det_jacobian(tf.identity(x), 1))
  gradients = tape.gradient(
    value, places, unconnected_gradients=tf.UnconnectedGradients.ZERO
  )
  slope = sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))
  ends = []
  for step in (1e-6, -2e-6):
    for place, direction in zip(places, directions, strict=True):
      place.assign_add(step * direction)
    ends.append(np.sum(log_det(layer, x)))
  np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-6, rtol=1e-6)


@pytest.mark.slow
def test_alike_layers_in_a_graph_have_the_gradients_of_eager_ones():
  """They share one trace, in which Variables are read as tensors."""
  layers = [
    tfp_cinc.bijectors.Reshaped(
      tfp_cinc.bijectors.trainable_residual_flow(
        4, hidden_channels=5, seed=seed, dtype=tf.float64
      ),
      [2, 2, 1],
      [4],
      name=f'layer_{seed}',
    )
    for seed in (0, 1)
  ]
  chain = tfp_cinc.bijectors.Chain(layers, 'reversible')
  x = tf.constant(np.random.default_rng(0).normal(size=[3, 2, 2, 1]))

  def gradients(method):
    with tf.GradientTape() as tape:
      y = getattr(chain, method)(tf.identity(x))
      loss = tf.reduce_sum(tf.sin(y))
      loss += tf.reduce_sum(
        getattr(chain, f'{method}_log_det_jacobian')(tf.identity(x), 3)
      )
    return tape.gradient(loss, chain.trainable_variables)

  for method in ('forward', 'inverse'):
    graph = tf.function(gradients, autograph=False)
    for ours, theirs in zip(graph(method), gradients(method), strict=True):
      np.testing.assert_allclose(ours, theirs, atol=1e-10)
      assert np.any(theirs != 0) or theirs.shape == [4]


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'log_det': 'powers'}, "did you mean 'power_series'"),
    ({'num_terms': 0}, '`num_terms` is 0'),
    ({'num_probes': 0}, '`num_probes` is 0'),
    ({'max_iterations': 0}, '`max_iterations` is 0'),
    ({'coefficient': 1.5}, '`coefficient` is 1.5'),
  ],
)
def test_bad_options(options, message):
  with pytest.raises(ValueError, match=message):
    tfp_cinc.bijectors.trainable_residual_flow(4, **options)


def test_bad_input():
  with pytest.raises(ValueError, match='this layer is for 6 channels'):
    make().inverse(tf.zeros([2, 5], tf.float64))


def test_a_trace_of_the_gradient_of_the_inverse_is_freed():
  layer, x = make(), inputs()

  def trace():
    @tf.function(autograph=False)
    def gradient(y):
      with tf.GradientTape() as tape:
        tape.watch(y)
        x = layer.inverse(y)
      return tape.gradient(x, y)

    return weakref.ref(gradient.get_concrete_function(x).graph)

  reference = trace()
  gc.collect()
  assert reference() is None
