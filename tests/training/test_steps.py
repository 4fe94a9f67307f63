"""The training step and what it is made of."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training import tiny
from training import evaluate, steps
from training.distributed import Workers
from training.errors import UserError

SHAPE = [4, 4, 1]


def make(**overrides):
  config = tiny.get_config()
  config.train.update(overrides)
  flow = steps.build_flow(config, SHAPE)
  optimizer = steps.build_optimizer(config.train, flow.trainable_variables)
  train_step = steps.make_train_step(
    flow, optimizer, Workers(), num_bits=8, clip_norm=config.train.clip_norm
  )
  return flow, optimizer, train_step


def images(seed=0):
  return tf.random.stateless_uniform([8, *SHAPE], [seed, 0]) - 0.5


def state(flow, optimizer):
  return [v.numpy() for v in [*flow.variables, *optimizer.variables()]]


def test_steps_train_and_bad_ones_are_skipped():
  flow, optimizer, train_step = make(learning_rate=0.01)
  go_on = tf.constant(False)
  first = train_step(images(), go_on)
  for _ in range(20):
    metrics = train_step(images(), go_on)
  assert metrics['bits_per_dim'] < first['bits_per_dim'] - 0.1
  assert not metrics['skipped']
  before = state(flow, optimizer)
  bad = tf.where(images() > 0.4, np.nan, images())
  metrics = train_step(bad, go_on)
  assert metrics['skipped']
  for old, new in zip(before, state(flow, optimizer), strict=True):
    np.testing.assert_array_equal(old, new)
  assert not train_step(images(), go_on)['skipped']
  assert train_step(images(), tf.constant(True))['stop']


@pytest.mark.parametrize(
  ('schedule', 'rates'),
  [
    ('constant', {0: 0.25, 1: 0.5, 3: 1.0, 50: 1.0, 99: 1.0}),
    ('cosine', {0: 0.25, 4: 1.0, 52: 0.505, 100: 0.01}),
  ],
)
def test_learning_rates(schedule, rates):
  config = tiny.get_config().train
  config.update(
    schedule=schedule, learning_rate=1.0, warmup_steps=4, num_steps=100
  )
  for step, rate in rates.items():
    actual = steps.learning_rates(config)(step)
    np.testing.assert_allclose(actual, rate, rtol=1e-5)


@pytest.mark.parametrize(
  ('part', 'overrides', 'message'),
  [
    ('flow', {'name': 'glo'}, "did you mean 'glow'"),
    ('flow', {'name': 'nice'}, "which the flow 'nice' does not"),
    ('flow', {'levels': 3}, r'config.flow: `image_shape` \[4, 4, 1\]'),
    ('train', {'schedule': 'cosin'}, "did you mean 'cosine'"),
    ('flow', {'network_dtype': 'bf16'}, 'config.flow: .*bf16'),
  ],
)
def test_bad_config(part, overrides, message):
  config = tiny.get_config()
  config[part].update(overrides)
  with pytest.raises(UserError, match=message):
    steps.build_optimizer(
      config.train, steps.build_flow(config, SHAPE).trainable_variables
    )


def test_evaluation_is_in_full_precision():
  config = tiny.get_config()
  flows = []
  for network_dtype in ('float32', 'bfloat16'):
    config.flow.network_dtype = network_dtype
    flow = steps.build_flow(config, SHAPE)
    for i, variable in enumerate(flow.trainable_variables):
      variable.assign_add(
        0.1 * tf.random.stateless_normal(variable.shape, [i, 0])
      )
    flows.append(flow)
  full, half = flows
  expected = full.log_prob(images())
  assert np.max(np.abs(half.log_prob(images()) - expected)) > 1e-4
  np.testing.assert_allclose(
    steps.make_log_prob(half)(images()), expected, rtol=1e-6
  )
  batch = np.arange(32, dtype=np.uint8).reshape([2, *SHAPE])
  assert evaluate.reconstruct(half, batch, num_bits=8)[1] < 1e-5
