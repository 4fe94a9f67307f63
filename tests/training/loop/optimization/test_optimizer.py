"""Tests of the optimizers against their formulas."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tests.training import tiny
from training.errors import UserError
from training.loop.optimization.learning_rate import (
  CurrentSchedule,
  learning_rate_schedule,
)
from training.loop.optimization.optimizer import build_optimizer


def train_config(**overrides):
  config = tiny.get_config().train
  config.update(overrides)
  return config


def one_weight():
  """Returns a module of one Variable, and the Variable."""
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
def test_optimizer_follows_its_formula(name, formula):
  gradients = [1.0, -2.0, 0.5, 3.0]
  module, weight = one_weight()
  config = train_config(optimizer=name, warmup_steps=0, learning_rate=0.1)
  rate = learning_rate_schedule(config)
  optimizer = build_optimizer(config, module, rate)
  # The number of steps and two slots, before the first step.
  assert len(optimizer.variables()) == 3
  for gradient in gradients:
    optimizer.apply_gradients([(tf.constant(gradient), weight)])
  np.testing.assert_allclose(weight, formula(gradients, 0.1), rtol=1e-4)
  assert len(optimizer.variables()) == 3


def test_learning_rate_follows_the_number_of_workers():
  """The slots and the number of steps stay."""
  config = train_config(warmup_steps=0, learning_rate=0.1)
  moved = []
  for later in (1.0, 3.0):
    factors = {'now': 1.0}
    schedule = CurrentSchedule(
      lambda factors=factors: learning_rate_schedule(
        config, factor=factors['now']
      )
    )
    module, weight = one_weight()
    optimizer = build_optimizer(config, module, schedule)
    optimizer.apply_gradients([(tf.constant(1.0), weight)])
    before = float(weight)
    factors['now'] = later
    optimizer.apply_gradients([(tf.constant(1.0), weight)])
    assert int(optimizer.iterations) == 2
    moved.append(float(weight) - before)
  np.testing.assert_allclose(moved[1], 3 * moved[0], rtol=1e-5)


@pytest.mark.parametrize('name', ['adam', 'muon', 'adamax'])
def test_values_of_a_configuration_reach_the_optimizer(name):
  decay = 0.0 if name == 'adamax' else 0.25
  config = train_config(optimizer=name, beta_2=0.5, weight_decay=decay)
  module, weight = one_weight()
  weight.assign(2.0)
  module.network = tfp_cinc.networks.trainable_dense(2, 3)
  config.update(warmup_steps=0, learning_rate=0.1)
  optimizer = build_optimizer(config, module, learning_rate_schedule(config))
  assert optimizer.get_config()['beta_2'] == pytest.approx(0.5)
  optimizer.apply_gradients([(tf.constant(3.0), weight)])
  # The first step of Adam and Adamax is the learning rate.
  np.testing.assert_allclose(weight, 2.0 - 0.1 * (1 + 2.0 * decay), rtol=1e-5)


def test_adamax_has_no_weight_decay():
  config = train_config(optimizer='adamax', weight_decay=0.1)
  rate = learning_rate_schedule(config)
  with pytest.raises(
    UserError, match=r'weight_decay is 0\.1, which adamax doe'
  ):
    build_optimizer(config, one_weight()[0], rate)


def test_muon_needs_a_flow_with_kernels():
  config = train_config(optimizer='muon')
  rate = learning_rate_schedule(config)
  with pytest.raises(UserError, match="'muon', which is for flows whose netw"):
    build_optimizer(config, tf.Module(), rate)
