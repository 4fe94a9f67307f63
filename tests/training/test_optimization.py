"""Optimizers, learning rates and the rule for other numbers of workers."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training import tiny
from training import optimization
from training.errors import UserError


def train_config(**overrides):
  config = tiny.get_config().train
  config.update(overrides)
  return config


@pytest.mark.parametrize(
  ('schedule', 'rates'),
  [
    ('constant', {0: 0.25, 1: 0.5, 3: 1.0, 50: 1.0, 99: 1.0}),
    ('cosine', {0: 0.25, 4: 1.0, 52: 0.505, 100: 0.01}),
  ],
)
def test_learning_rates(schedule, rates):
  config = train_config(
    schedule=schedule, learning_rate=1.0, warmup_steps=4, num_steps=100
  )
  for step, rate in rates.items():
    actual = optimization.learning_rates(config)(step)
    np.testing.assert_allclose(actual, rate, rtol=1e-5)
    tripled = optimization.learning_rates(config, factor=3.0)(step)
    np.testing.assert_allclose(tripled, 3 * rate, rtol=1e-5)


@pytest.mark.parametrize('schedule', ['constant', 'cosine'])
def test_a_warm_up_of_epochs_takes_the_place_of_steps(schedule):
  values = {'schedule': schedule, 'num_steps': 2000}
  by_steps = optimization.learning_rates(
    train_config(warmup_steps=1953, **values)
  )
  by_epochs = optimization.learning_rates(
    train_config(warmup_epochs=10, **values), 50_000 / 256
  )
  beginning = optimization.learning_rates(train_config(**values))
  for step in (0, 100, 1952, 1990):
    np.testing.assert_array_equal(by_epochs(step), by_steps(step))
  assert float(by_epochs(100)) < 0.1 * float(beginning(100))


def test_no_warm_up():
  config = train_config(warmup_steps=0, learning_rate=0.5)
  assert float(optimization.learning_rates(config)(0)) == 0.5


def one_weight():
  """A module of one Variable, and that."""
  module = tf.Module()
  module.weight = tf.Variable(0.0)
  return module, module.weight


def adam(gradients, rate):
  m = v = weight = 0.0
  for t, g in enumerate(gradients, start=1):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    step = m / (1 - 0.9**t) / np.sqrt(v / (1 - 0.999**t))
    weight -= rate * step
  return weight


def adamax(gradients, rate):
  m = u = weight = 0.0
  for t, g in enumerate(gradients, start=1):
    m, u = 0.9 * m + 0.1 * g, max(0.999 * u, abs(g))
    weight -= rate / (1 - 0.9**t) * m / u
  return weight


@pytest.mark.parametrize(
  ('name', 'formula'), [('adam', adam), ('adamax', adamax)]
)
def test_optimizers(name, formula):
  gradients = [1.0, -2.0, 0.5, 3.0]
  module, weight = one_weight()
  config = train_config(optimizer=name, warmup_steps=0, learning_rate=0.1)
  optimizer = optimization.build_optimizer(config, module)
  assert len(optimizer.variables()) == 3  # its steps and two slots, at once
  for gradient in gradients:
    optimizer.apply_gradients([(tf.constant(gradient), weight)])
  np.testing.assert_allclose(weight, formula(gradients, 0.1), rtol=1e-4)
  assert len(optimizer.variables()) == 3


def test_the_rate_of_an_optimizer_can_be_changed():
  """As where workers come or go; its slots and steps stay."""
  config = train_config(warmup_steps=0, learning_rate=0.1)
  moved = []
  for factor in (1.0, 3.0):
    module, weight = one_weight()
    optimizer = optimization.build_optimizer(config, module)
    optimizer.apply_gradients([(tf.constant(1.0), weight)])
    before = float(weight)
    optimizer.learning_rate = optimization.learning_rates(config, None, factor)
    optimizer.apply_gradients([(tf.constant(1.0), weight)])
    assert int(optimizer.iterations) == 2
    moved.append(float(weight) - before)
  np.testing.assert_allclose(moved[1], 3 * moved[0], rtol=1e-5)


@pytest.mark.parametrize(
  ('rule', 'size', 'first_size', 'expected'),
  [
    ('global', 1, 1, ((64,), 1.0)),
    ('global', 4, 4, ((16, 16, 16, 16), 1.0)),
    ('global', 3, 4, ((22, 21, 21), 1.0)),
    ('per_worker', 4, 4, ((64,) * 4, 1.0)),
    ('per_worker', 3, 4, ((64,) * 3, 0.75)),
    ('per_worker', 8, 4, ((64,) * 8, 2.0)),
  ],
)
def test_batch_rule(rule, size, first_size, expected):
  config = train_config(scale_rule=rule, batch_size=64)
  assert optimization.batch_rule(config, size, first_size) == expected


def test_the_global_batch_is_kept():
  for batch_size in range(7, 40):
    config = train_config(batch_size=batch_size)
    for size in range(1, 8):
      shares, factor = optimization.batch_rule(config, size, 2)
      assert (sum(shares), len(shares), factor) == (batch_size, size, 1.0)
      assert 0 <= max(shares) - min(shares) <= 1
      assert min(shares) >= 1


def test_images_at_once():
  for values, size, expected in (
    ({}, 1, 64),
    ({}, 3, 22),
    ({'accumulate': 4}, 1, 16),
    ({'accumulate': 3}, 2, 11),
    ({'scale_rule': 'per_worker'}, 3, 64),
  ):
    config = train_config(batch_size=64, **values)
    assert optimization.images_at_once(config, size) == expected


def test_fewer_images_than_workers():
  config = train_config(batch_size=3)
  with pytest.raises(UserError, match=r'is 3, less than .* of 4'):
    optimization.batch_rule(config, 4, 4)


@pytest.mark.parametrize(
  ('overrides', 'message'),
  [
    ({'optimizer': 'adammax'}, r"optimizer is .*did you mean 'adamax'"),
    ({'optimizer': 'muon'}, "'muon', which is for flows whose networks"),
    ({'schedule': 'cosin'}, r"schedule is .*did you mean 'cosine'"),
    ({'warmup_epochs': 10}, 'warmup_epochs is 10, but the data set has no'),
  ],
)
def test_bad_optimizer(overrides, message):
  with pytest.raises(UserError, match=message):
    optimization.build_optimizer(train_config(**overrides), tf.Module())


def test_bad_scale_rule():
  config = train_config(scale_rule='per_workers')
  with pytest.raises(
    UserError, match=r"scale_rule .*did you mean 'per_worker'"
  ):
    optimization.batch_rule(config, 2, 2)
