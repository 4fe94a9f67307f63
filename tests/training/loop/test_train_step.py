"""Tests of the training step."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tests.programs import processes
from tests.training import tiny
from training.loop.model import build_flow
from training.loop.optimization import flat_vector
from training.loop.optimization.averaging import WeightAverage
from training.loop.optimization.learning_rate import learning_rate_schedule
from training.loop.optimization.optimizer import build_optimizer
from training.loop.train_step import make_train_step
from training.loop.workers import Workers

SHAPE = [4, 4, 1]


def make(step_arguments=None, flow_arguments=None, parallel=1, **overrides):
  config = tiny.get_config()
  config.train.update(overrides)
  config.flow.update(flow_arguments or {})
  flow = build_flow(config, SHAPE)
  weights = flow.trainable_variables
  rate = learning_rate_schedule(config.train)
  optimizer = build_optimizer(config.train, flow, rate)
  average = WeightAverage(weights, config.train.ema_decay)
  workers = Workers()
  workers.parallel = parallel
  train_step = make_train_step(
    flow,
    optimizer,
    workers,
    num_bits=8,
    clip_norm=config.train.clip_norm,
    average=average,
    **(step_arguments or {}),
  )
  return [flow, optimizer, average], train_step


def images(seed=0, number=8):
  return tf.random.stateless_uniform([number, *SHAPE], [seed, 0]) - 0.5


def state(parts):
  """Returns the values of all Variables."""
  flow, optimizer, average = parts
  return [
    variable.numpy()
    for variable in [
      *flow.variables,
      *optimizer.variables(),
      *average.variables,
    ]
  ]


def assert_same(actual, expected):
  for a, b in zip(actual, expected, strict=True):
    np.testing.assert_array_equal(a, b)


def test_steps_train_and_nonfinite_steps_are_skipped():
  parts, train_step = make(learning_rate=0.01)
  no_stop = tf.constant(False)
  first = train_step(images(), no_stop)
  for _ in range(20):
    metrics = train_step(images(), no_stop)
  assert metrics['bits_per_dim'] < first['bits_per_dim'] - 0.1
  assert not metrics['skipped']
  before = state(parts)
  bad = tf.where(images() > 0.4, np.nan, images())
  metrics = train_step(bad, no_stop)
  assert metrics['skipped']
  assert_same(state(parts), before)
  assert not train_step(images(), no_stop)['skipped']
  for old, new in zip(before[-2:], state(parts)[-2:], strict=True):
    assert np.any(old != new)  # the average and its count
  assert train_step(images(), tf.constant(True))['stop']


@pytest.mark.parametrize('optimizer', ['adam', 'adamax', 'muon'])
def test_step_applies_the_clipped_mean_gradient(optimizer):
  values = {'optimizer': optimizer, 'clip_norm': 0.5}
  (flow, *_), train_step = make(**values)
  (other, other_optimizer, _), _ = make(**values)
  variables = other.trainable_variables
  for step in range(3):
    metrics = train_step(images(step), tf.constant(False))
    with tf.GradientTape() as tape:
      bits = tfp_cinc.bits_per_dim(other.log_prob(images(step)), SHAPE, 8)
      loss = tf.reduce_mean(bits)
    gradients = tape.gradient(loss, variables)
    gradients, norm = tf.clip_by_global_norm(gradients, 0.5)
    assert norm > 0.5
    other_optimizer.apply_gradients(zip(gradients, variables, strict=True))
    np.testing.assert_allclose(metrics['bits_per_dim'], loss, rtol=1e-5)
    np.testing.assert_allclose(metrics['gradient_norm'], norm, rtol=1e-4)
  for a, b in zip(flow.trainable_variables, variables, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_global_batch_of_equal_shares_changes_no_bit():
  results = []
  for arguments in ({}, {'global_batch': 8}):
    parts, train_step = make(arguments)
    for step in range(3):
      metrics = train_step(images(step), tf.constant(False))
    results.append([*state(parts), metrics['bits_per_dim']])
  assert_same(*results)


@pytest.mark.parametrize(
  ('number', 'accumulate', 'parallel', 'flow_arguments'),
  [
    (8, 2, 1, {}),
    (8, 8, 1, {}),
    (8, 3, 1, {}),  # 3 + 3 + 2
    (7, 4, 1, {}),  # 2 + 2 + 2 + 1
    (3, 16, 1, {}),
    (8, 3, 1, {'memory': 'checkpoint'}),
    (8, 3, 1, {'memory': 'reversible'}),
    (8, 3, 1, {'coupling': 'quad', 'network_dtype': 'bfloat16'}),
    (8, 1, 2, {}),
    (7, 1, 3, {'memory': 'reversible'}),
    (2, 1, 4, {}),
    (8, 2, 2, {}),
    (7, 2, 2, {}),  # (2 + 2) + 3
  ],
)
def test_parts_change_only_rounding(
  number, accumulate, parallel, flow_arguments
):
  results = []
  for one_by_one, at_once in ((1, 1), (accumulate, parallel)):
    (flow, *_), train_step = make(
      {'accumulate': one_by_one}, flow_arguments, at_once
    )
    for step in range(2):
      metrics = train_step(images(step, number), tf.constant(False))
    assert train_step.experimental_get_tracing_count() == 1
    weights = flat_vector.join(flow.trainable_variables)
    results.append((metrics, weights))
  (whole, expected), (summed, weights) = results
  is_half = flow_arguments.get('network_dtype') == 'bfloat16'
  rtol = 3e-3 if is_half else 1e-4
  for name in ('bits_per_dim', 'gradient_norm'):
    np.testing.assert_allclose(summed[name], whole[name], rtol=rtol)
  # Adam's first steps do not depend on the size of the gradient, so rounding
  # to bfloat16 can turn a tiny one around.
  if not is_half:
    np.testing.assert_allclose(weights, expected, rtol=1e-4, atol=1e-6)


def test_accumulation_skips_a_step_with_one_nonfinite_part():
  parts, train_step = make({'accumulate': 4})
  train_step(images(), tf.constant(False))
  before = state(parts)
  bad = tf.concat([images()[:5], [images()[5] * np.nan], images()[6:]], 0)
  assert train_step(bad, tf.constant(False))['skipped']
  assert_same(state(parts), before)


@pytest.mark.slow
def test_accumulation_needs_the_memory_of_one_part():
  peaks = {}
  for accumulate in (1, 16):
    code, out, error = processes.run(
      'tests.programs.train_step_peak', 256, accumulate
    )
    assert code == 0, error
    peaks[accumulate] = int(out)
  # About 35 MB of each belong to the graph.
  assert peaks[1] > 120e6
  assert peaks[16] < peaks[1] / 2


@pytest.mark.slow
def test_unequal_shares_take_the_step_of_one_worker(tmp_path):
  results = []
  for workers in (1, 2):
    out = tmp_path / f'{workers}.npz'
    code, _, error = processes.run(
      'tests.programs.shares', out, workers=workers
    )
    assert code == 0, error
    results.append(np.load(out))
  one, two = results
  assert list(two['shares']) == [4, 3]
  for name in ('losses', 'norms'):
    np.testing.assert_allclose(two[name], one[name], rtol=1e-4)
  for name in ('weights', 'average'):
    np.testing.assert_allclose(two[name], one[name], rtol=1e-4, atol=1e-5)
