"""Tests of learning rates and of the rule for other numbers of workers."""

import numpy as np
import pytest

from tests.training import tiny
from training.errors import UserError
from training.loop.optimization.learning_rate import (
  CurrentSchedule,
  batch_rule,
  images_at_once,
  learning_rate_schedule,
)


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
    actual = learning_rate_schedule(config)(step)
    np.testing.assert_allclose(actual, rate, rtol=1e-5)
    tripled = learning_rate_schedule(config, factor=3.0)(step)
    np.testing.assert_allclose(tripled, 3 * rate, rtol=1e-5)


@pytest.mark.parametrize('schedule', ['constant', 'cosine'])
def test_warm_up_in_epochs_replaces_the_one_in_steps(schedule):
  values = {'schedule': schedule, 'num_steps': 2000}
  by_steps = learning_rate_schedule(train_config(warmup_steps=1953, **values))
  by_epochs = learning_rate_schedule(
    train_config(warmup_epochs=10, **values), 50_000 / 256
  )
  short = learning_rate_schedule(train_config(**values))
  for step in (0, 100, 1952, 1990):
    np.testing.assert_array_equal(by_epochs(step), by_steps(step))
  assert float(by_epochs(100)) < 0.1 * float(short(100))


def test_warm_up_in_epochs_needs_a_data_set_with_epochs():
  config = train_config(warmup_epochs=10.0)
  with pytest.raises(UserError, match='warmup_epochs is 10, but the data set'):
    learning_rate_schedule(config)


def test_no_warm_up():
  config = train_config(warmup_steps=0, learning_rate=0.5)
  assert float(learning_rate_schedule(config)(0)) == 0.5


def test_current_schedule_asks_for_the_schedule_at_each_call():
  config = train_config(warmup_steps=0, learning_rate=0.5)
  factor = 1.0
  current = CurrentSchedule(
    lambda: learning_rate_schedule(config, factor=factor)
  )
  assert float(current(3)) == 0.5
  factor = 2.0
  assert float(current(3)) == 1.0
  with pytest.raises(NotImplementedError):
    current.get_config()


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
  assert batch_rule(config, size, first_size) == expected


def test_global_batch_does_not_depend_on_the_number_of_workers():
  for batch_size in range(7, 40):
    config = train_config(batch_size=batch_size)
    for size in range(1, 8):
      shares, factor = batch_rule(config, size, 2)
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
    assert images_at_once(config, size) == expected


def test_fewer_images_than_workers():
  config = train_config(batch_size=3)
  with pytest.raises(UserError, match=r'is 3, less than .* of 4'):
    batch_rule(config, 4, 4)
