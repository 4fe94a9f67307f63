"""Tests of AdamW against its formula."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from training.loop.optimization.adamw import AdamW
from training.loop.optimization.muon import Muon

RATES = [0.1, 0.05, 0.2]
GRADIENTS = [1.0, -2.0, 0.5]


def final_weight(start, decay, beta_2):
  """Returns a weight after steps with `GRADIENTS` and `RATES`, in a graph."""
  schedule = tf_keras.optimizers.schedules.PiecewiseConstantDecay([0, 1], RATES)
  optimizer, weight = AdamW(schedule, beta_2, decay), tf.Variable(start)
  optimizer._create_all_weights([weight])

  @tf.function
  def step(gradient):
    optimizer.apply_gradients([(gradient, weight)])

  for gradient in GRADIENTS:
    step(tf.constant(gradient))
  return weight.numpy()


def adamw(start, decay, beta_2):
  """Returns the weight after the same steps, by the formula."""
  m = v = 0.0
  weight = start
  for t, (g, rate) in enumerate(zip(GRADIENTS, RATES, strict=True), start=1):
    m, v = 0.9 * m + 0.1 * g, beta_2 * v + (1 - beta_2) * g**2
    move = m / (1 - 0.9**t) / np.sqrt(v / (1 - beta_2**t))
    weight -= rate * (move + decay * weight)
  return weight


@pytest.mark.parametrize(('decay', 'beta_2'), [(0.3, 0.95), (0.0, 0.999)])
def test_weights_follow_the_formula(decay, beta_2):
  for start in (2.0, -1.0):
    found = final_weight(start, decay, beta_2)
    np.testing.assert_allclose(found, adamw(start, decay, beta_2), rtol=1e-4)


@pytest.mark.parametrize('is_kernel', [True, False])
def test_muon_decays_all_weights_in_the_same_way(is_kernel):
  """The decay is the difference between runs with and without it."""
  start, decay = np.full([2, 3], 2.0, np.float32), 0.3
  moved = []
  for weight_decay in (0.0, decay):
    weights = tf.Variable(start)
    optimizer = Muon(0.1, [weights] if is_kernel else [], 0.99, weight_decay)
    optimizer.apply_gradients([(tf.ones([2, 3]), weights)])
    moved.append(weights - start)
  np.testing.assert_allclose(
    moved[1] - moved[0], -0.1 * decay * start, rtol=1e-4
  )
  assert np.abs(moved[0]).max() > 0.005


def test_decay_needs_no_variables():
  weight = tf.Variable(1.0)
  counts = []
  for decay in (0.0, 0.1):
    optimizer = AdamW(0.1, weight_decay=decay)
    optimizer._create_all_weights([weight])
    counts.append(len(optimizer.variables()))
  assert counts == [3, 3]
