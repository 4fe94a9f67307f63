"""Tests of densities and training steps given conditions."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tests.training import tiny
from training.data.condition import find_condition
from training.data.facts import DataFacts
from training.loop.conditional.density import given, initialize, log_prob
from training.loop.evaluation import make_log_prob, reconstruct, sample
from training.loop.model import build_model
from training.loop.optimization.learning_rate import learning_rate_schedule
from training.loop.optimization.optimizer import build_optimizer
from training.loop.train_step import make_train_step
from training.loop.workers import Workers

FACTS = DataFacts('pictures', (4, 4, 1), num_classes=3)
NUMBER = 7


def make(kind='label', **train):
  """Returns (configuration, model) with random weights."""
  config = tiny.get_config()
  config.flow.condition = kind
  config.train.update(train)
  model = build_model(config, FACTS.image_shape, find_condition(config, FACTS))
  for i, variable in enumerate(model.density.trainable_variables):
    noise = tf.random.stateless_normal(variable.shape, [i, 0])
    variable.assign_add(0.1 * noise)
  return config, model


def batch(model, seed=0):
  """Returns random images and conditions."""
  shape = [NUMBER, *FACTS.image_shape]
  images = tf.random.stateless_uniform(shape, [seed, 0]) - 0.5
  shape = [NUMBER, *model.condition.shape]
  return images, tf.random.stateless_uniform(shape, [seed, 1])


@pytest.mark.parametrize('kind', ['label', 'low_resolution', 'mask'])
def test_log_prob_is_that_of_the_flow_given_the_condition(kind):
  _, model = make(kind)
  images, condition = batch(model)
  expected = tfp_cinc.given(model.flow, condition).log_prob(images)
  np.testing.assert_allclose(
    log_prob(model.density, (images, condition)), expected, rtol=1e-5
  )
  other = log_prob(model.density, (images, condition[::-1]))
  assert np.max(np.abs(other - expected)) > 1e-2
  for parallel in (1, 3):
    compiled = make_log_prob(model.density, parallel, model.condition)
    np.testing.assert_allclose(
      compiled((images, condition)), expected, rtol=1e-5
    )


def test_noise_and_base_take_the_condition_too():
  config, model = make(dequantization='variational')
  images, condition = batch(model)
  moved = [
    given(model.density, one).move(images)[0]
    for one in (condition, condition[::-1])
  ]
  assert np.max(np.abs(moved[0] - moved[1])) > 1e-6
  config.flow.conditional_base = True
  larger = build_model(config, FACTS.image_shape, model.condition)
  names = [variable.name for variable in larger.flow.trainable_variables]
  assert len(names) > len(model.flow.trainable_variables)


def test_density_without_a_condition_is_itself():
  _, model = make('')
  assert given(model.density, None) is model.density


@pytest.mark.parametrize(
  ('accumulate', 'parallel', 'dequantization'),
  [(3, 1, 'uniform'), (1, 2, 'uniform'), (1, 1, 'variational')],
)
def test_step_of_parts_changes_only_rounding(
  accumulate, parallel, dequantization
):
  results = []
  for one_by_one, at_once in ((1, 1), (accumulate, parallel)):
    config, model = make('label', dequantization=dequantization)
    workers = Workers()
    workers.parallel = at_once
    train_step = make_train_step(
      model.density,
      build_optimizer(
        config.train, model.density, learning_rate_schedule(config.train)
      ),
      workers,
      num_bits=8,
      clip_norm=1.0,
      accumulate=one_by_one,
    )
    expected = tfp_cinc.bits_per_dim(
      log_prob(model.density, batch(model)), FACTS.image_shape
    )
    metrics = train_step(batch(model), tf.constant(False))
    np.testing.assert_allclose(
      metrics['bits_per_dim'], tf.reduce_mean(expected), rtol=1e-5
    )
    results.append(
      np.concatenate([np.ravel(v) for v in model.density.trainable_variables])
    )
  np.testing.assert_allclose(*results, rtol=1e-4, atol=1e-6)


def test_initialization_and_round_trip():
  _, model = make()
  images, condition = batch(model)
  initialize(model.flow, (images, condition))
  pixels = tfp_cinc.quantize(images).numpy()
  flow = given(model.flow, condition)
  decoded, error = reconstruct(flow, pixels, 8)
  np.testing.assert_array_equal(decoded, pixels)
  assert error < 1e-4
  options = {'temperature': 1.0, 'num_bits': 8}
  samples = sample(model.flow, NUMBER, condition=condition, **options)
  np.testing.assert_array_equal(samples, sample(flow, NUMBER, **options))
