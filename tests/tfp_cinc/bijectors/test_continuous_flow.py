"""Continuous normalizing flows."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import integrate
from tensorflow_probability.python.bijectors import ffjord

import tfp_cinc
from tfp_cinc.networks import VelocityNetwork

tfb = tfp.bijectors


def make(num_layers=1, scale=0.7, size=3, tolerance=1e-8, **options):
  """A layer away from its start, where it does next to nothing."""
  layer = tfp_cinc.bijectors.trainable_continuous_flow(
    size,
    hidden_channels=5,
    num_layers=num_layers,
    seed=0,
    dtype=tf.float64,
    tolerance=tolerance,
    **options,
  )
  rng = np.random.default_rng(0)
  for variable in layer.trainable_variables:
    variable.assign(scale * rng.normal(size=variable.shape))
  return layer


def inputs(size=3):
  return tf.constant(np.random.default_rng(1).normal(size=[2, size]))


@pytest.mark.parametrize('num_layers', [1, 2])
def test_is_what_scipy_finds(num_layers):
  layer, x = make(num_layers), inputs()
  weights, biases, time_weights = tf.nest.map_structure(
    np.array, layer.network.parameters()
  )

  def derivative(time, state):
    point, jacobian = state[:-1], np.eye(3)
    for i, weight in enumerate(weights):
      point = point @ weight + biases[i] + time * time_weights[i]
      jacobian = jacobian @ weight
      if i < num_layers:
        point = np.tanh(point)
        jacobian = jacobian * (1 - point**2)
    return [*point, np.trace(jacobian)]

  y, log_det = layer.forward(x), layer.forward_log_det_jacobian(x, 1)
  for i, start in enumerate(x.numpy()):
    solution = integrate.solve_ivp(
      derivative, [0, 1], [*start, 0], rtol=1e-8, atol=1e-8
    )
    expected = solution.y[:, -1]
    np.testing.assert_allclose(y[i], expected[:-1], atol=1e-6)
    np.testing.assert_allclose(log_det[i], expected[-1], atol=1e-6)
  np.testing.assert_allclose(layer.inverse(tf.identity(y)), x, atol=1e-6)


@pytest.mark.slow
def test_is_tfps_ffjord():
  layer, x = make(), inputs()
  theirs = tfb.FFJORD(
    layer.network,
    ode_solve_fn=tfp.math.ode.DormandPrince(rtol=1e-8, atol=1e-8).solve,
    trace_augmentation_fn=ffjord.trace_jacobian_exact,
    dtype=tf.float64,
  )
  np.testing.assert_allclose(layer.forward(x), theirs.forward(x), atol=1e-6)
  np.testing.assert_allclose(
    layer.inverse_log_det_jacobian(x, 1),
    theirs.inverse_log_det_jacobian(x, 1),
    atol=1e-6,
  )


def test_the_estimate_of_the_trace_is_right_on_average():
  x = inputs()
  exact = make(tolerance=1e-4).forward_log_det_jacobian(x, 1)
  options = {'trace': 'hutchinson', 'tolerance': 1e-4}
  many = make(num_probes=5000, probe_seed=1, **options)
  estimate = many.forward_log_det_jacobian(x, 1)
  np.testing.assert_allclose(estimate, exact, atol=0.05)
  np.testing.assert_array_equal(
    estimate, many.forward_log_det_jacobian(tf.identity(x), 1)
  )
  # Probes of three signs: two draws agree in one case of eight.
  free = make(**options)
  draws = [
    free.forward_log_det_jacobian(tf.identity(x), 1).numpy() for _ in range(10)
  ]
  assert np.all(np.ptp(draws, axis=0) > 0)


def test_tolerance_is_kept():
  x = inputs()
  y = make(tolerance=1e-10).forward(x)
  rough = abs(make(tolerance=1e-3).forward(x) - y)
  fine = abs(make(tolerance=1e-6).forward(x) - y)
  assert 1e-5 > np.max(fine) > 0
  assert 1e-2 > np.max(rough) > np.max(fine)


def test_too_many_steps_are_an_error():
  """Also with what is not a number, where no step is ever good enough."""
  with pytest.raises(tf.errors.InvalidArgumentError, match='max_num_steps'):
    make(max_num_steps=3).forward(inputs())
  with pytest.raises(tf.errors.InvalidArgumentError, match='max_num_steps'):
    make(max_num_steps=20).forward(np.nan * inputs())


@pytest.mark.slow
def test_gradients_where_tensors_take_the_place_of_variables():
  """As in the shared trace of alike layers of a chain."""
  layer, x = make(tolerance=1e-6), inputs()
  variables = tf.nest.flatten(layer, expand_composites=True)
  assert len(variables) == len(layer.trainable_variables)

  def loss_of(layer):
    y, log_det = layer.forward_and_log_det(x)
    return tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(log_det)

  def gradients(values):
    with tf.GradientTape() as tape:
      tape.watch(values)
      loss = loss_of(
        tf.nest.pack_sequence_as(layer, values, expand_composites=True)
      )
    return tape.gradient(loss, values)

  with tf.GradientTape() as tape:
    loss = loss_of(layer)
  expected = tape.gradient(loss, variables)
  found = tf.function(gradients, autograph=False)(
    [tf.convert_to_tensor(v) for v in variables]
  )
  for ours, theirs in zip(found, expected, strict=True):
    np.testing.assert_allclose(ours, theirs, atol=1e-9)
    assert np.any(theirs != 0)


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'trace': 'hutchinsen'}, "did you mean 'hutchinson'"),
    ({'num_probes': 0}, '`num_probes` is 0'),
    ({'max_num_steps': 0}, '`max_num_steps` is 0'),
    ({'tolerance': 0.0}, '`tolerance` is 0.0'),
    ({'num_layers': 0}, 'the sizes of the layers are'),
  ],
)
def test_bad_options(options, message):
  with pytest.raises(ValueError, match=message):
    tfp_cinc.bijectors.trainable_continuous_flow(4, **options)


def test_bad_input():
  with pytest.raises(ValueError, match='this layer is for 3 channels'):
    make().forward(tf.zeros([2, 4], tf.float64))
  with pytest.raises(ValueError, match='`time_weights` have the shapes'):
    VelocityNetwork(
      [tf.zeros([2, 3]), tf.zeros([3, 2])],
      [tf.zeros([3]), tf.zeros([2])],
      [tf.zeros([3]), tf.zeros([3])],
    )
