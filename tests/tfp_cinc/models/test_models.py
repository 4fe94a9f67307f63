"""The presets as distributions."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc
from tfp_cinc import models

tfd = tfp.distributions

SMALL = {'levels': 2, 'depth': 1, 'hidden_channels': 4, 'seed': 0}


@pytest.fixture(scope='module')
def flow():
  flow = models.cinc([8, 4, 3], **SMALL)
  images = tf.random.stateless_uniform([32, 8, 4, 3], [0, 0]) - 0.5
  tfp_cinc.initialize_from_data(flow, images)
  return flow


def test_is_a_distribution_over_images(flow):
  assert isinstance(flow, tfd.Distribution)
  assert flow.event_shape == [8, 4, 3]
  assert flow.batch_shape == []
  samples = flow.sample([2, 3], seed=1)
  assert samples.shape == [2, 3, 8, 4, 3]
  assert flow.log_prob(samples).shape == [2, 3]


def test_log_prob_is_base_plus_log_det(flow):
  x = flow.sample(2, seed=1)
  x = tf.identity(x)
  latents = flow.bijector.inverse(x)
  log_det = flow.bijector.inverse_log_det_jacobian(x, 3)
  base = tf.reduce_sum(tfd.Normal(0.0, 1.0).log_prob(latents), [1, 2, 3])
  np.testing.assert_allclose(flow.log_prob(x), base + log_det, rtol=1e-5)


def test_sample_and_log_prob_agree(flow):
  x, log_prob = flow.experimental_sample_and_log_prob(4, seed=1)
  np.testing.assert_allclose(flow.log_prob(tf.identity(x)), log_prob, rtol=1e-4)


def test_gradients_reach_every_variable(flow):
  x = tf.random.stateless_uniform([4, 8, 4, 3], [1, 0]) - 0.5
  with tf.GradientTape() as tape:
    loss = -tf.reduce_mean(flow.log_prob(x))
  gradients = tape.gradient(loss, flow.trainable_variables)
  assert all(gradient is not None for gradient in gradients)


@pytest.mark.parametrize('dtype', [tf.float32, tf.float64])
def test_round_trip_at_depth_4(dtype):
  flow = models.cinc(
    [8, 8, 3], levels=2, depth=4, hidden_channels=4, seed=0, dtype=dtype
  )
  x = tf.random.stateless_uniform([8, 8, 8, 3], [0, 0], dtype=dtype) - 0.5
  tfp_cinc.initialize_from_data(flow, x)
  rng = np.random.default_rng(0)
  for variable in flow.trainable_variables:  # away from identity couplings
    variable.assign_add(0.05 * rng.normal(size=variable.shape))
  decode = tf.function(lambda z: flow.bijector.forward(z), autograph=False)
  decoded = decode(tf.identity(flow.bijector.inverse(x)))
  assert np.max(np.abs(decoded - x)) < (1e-3 if dtype == tf.float32 else 1e-9)


def test_seed_decides_the_weights():
  one, same, other = (
    models.glow([4, 4, 1], **{**SMALL, 'seed': seed}) for seed in (1, 1, 2)
  )
  x = tf.random.stateless_uniform([2, 4, 4, 1], [0, 0]) - 0.5
  np.testing.assert_array_equal(one.log_prob(x), same.log_prob(x))
  assert np.any(np.not_equal(one.log_prob(x), other.log_prob(x)))


def test_networks_in_bfloat16_stay_close():
  options = {**SMALL, 'coupling': 'affine'}
  full = models.cinc([4, 4, 3], **options)
  half = models.cinc([4, 4, 3], network_dtype='bfloat16', **options)
  for ours, theirs in zip(full.variables, half.variables, strict=True):
    assert theirs.dtype == ours.dtype
    if ours.trainable:
      ours.assign_add(0.02 * tf.ones_like(ours))
    theirs.assign(ours)
  x = tf.random.stateless_uniform([4, 4, 4, 3], [0, 0]) - 0.5
  difference = full.log_prob(x) - half.log_prob(x)
  assert np.max(np.abs(difference)) > 0
  np.testing.assert_allclose(difference / 48, 0, atol=0.02)
  exact = tfp_cinc.with_network_dtype(half, None).log_prob(x)
  np.testing.assert_allclose(exact, full.log_prob(x), rtol=1e-6)
  models.cinc([4, 4, 3], network_dtype='auto', **options).log_prob(x)
  with pytest.raises(ValueError, match='cannot be used with `dtype` float64'):
    models.glow([4, 4, 1], network_dtype='bfloat16', dtype=tf.float64, **SMALL)


@pytest.mark.parametrize(
  ('image_shape', 'options', 'message'),
  [
    ([30, 30, 3], {'levels': 3}, r'is not divisible by 2\*\*levels = 8'),
    ([8, 8], {}, r'must be \[H, W, C\]'),
    ([8, 8, 3], {'depth': 0}, '`depth` is 0'),
    ([8, 8, 3], {'coupling': 'quadd'}, "did you mean 'quad'"),
    ([8, 8, 3], {'scale_function': 'expp'}, "did you mean 'exp'"),
  ],
)
@pytest.mark.parametrize('model', [models.cinc, models.glow])
def test_bad_input(model, image_shape, options, message):
  with pytest.raises(ValueError, match=message):
    model(image_shape, **{**SMALL, **options})
