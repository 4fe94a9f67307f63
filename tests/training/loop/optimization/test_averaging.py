"""Tests of the moving average of the weights."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tests.training import tiny
from training.errors import UserError
from training.loop import evaluation
from training.loop.evaluation import make_log_prob
from training.loop.model import build_flow
from training.loop.optimization.averaging import WeightAverage

SHAPES = [[2, 3], [4], [], [1, 2, 2]]


def make(decay=0.9):
  weights = [tf.Variable(tf.fill(shape, 7.0)) for shape in SHAPES]
  return weights, WeightAverage(weights, decay)


def draw(weights, seed):
  for i, weight in enumerate(weights):
    weight.assign(tf.random.stateless_normal(weight.shape, [seed, i]))


def values(weights):
  return [weight.numpy() for weight in weights]


def assert_same(actual, expected):
  for a, b in zip(actual, expected, strict=True):
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize('decay', [0.3, 0.9])
def test_average_follows_its_formula(decay):
  weights, average = make(decay)
  update = tf.function(average.update, autograph=False)
  expected = [np.full(shape, np.nan) for shape in SHAPES]
  for t in range(100):
    draw(weights, t)
    update()
    d = min(decay, t / (t + 9))
    expected = [
      value if t == 0 else d * mean + (1 - d) * value
      for mean, value in zip(expected, values(weights), strict=True)
    ]
    if t in (0, 1, 8, 99):
      with average.applied():
        for a, b in zip(values(weights), expected, strict=True):
          np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_first_update_copies_the_weights():
  weights, average = make()
  draw(weights, 0)
  before = values(weights)
  average.update()
  draw(weights, 1)
  with average.applied():
    assert_same(values(weights), before)


def test_weights_are_restored_bit_for_bit():
  weights, average = make()
  average.update()
  draw(weights, 1)
  before = values(weights)
  mean = average.variables[0].numpy()

  def spoil():
    with average.applied():
      for weight in weights:
        weight.assign_add(tf.ones_like(weight))  # in place if possible
      raise KeyError

  with pytest.raises(KeyError):
    spoil()
  assert_same(values(weights), before)
  np.testing.assert_array_equal(average.variables[0], mean)
  # The restored weights share no memory with the saved ones.
  for weight in weights:
    weight.assign_add(tf.ones_like(weight))
  assert_same(values(weights), [value + 1 for value in before])
  np.testing.assert_array_equal(average.variables[0], mean)


def test_weights_stay_without_updates_or_decay():
  for decay, updates in ((0.9, 0), (0.0, 3)):
    weights, average = make(decay)
    for _ in range(updates):
      average.update()
    draw(weights, 1)
    before = values(weights)
    with average.applied():
      assert_same(values(weights), before)
    assert len(average.variables) == (2 if decay else 0)


@pytest.mark.parametrize('decay', [-0.1, 1.0, 9.99])
def test_decay_out_of_range_is_refused(decay):
  with pytest.raises(UserError, match=r'ema_decay is .* less than 1'):
    make(decay)


def test_checkpoint_restores_the_average(tmp_path):
  weights, average = make()
  for t in range(3):
    draw(weights, t)
    average.update()
  path = tf.train.Checkpoint(average=average).write(str(tmp_path / 'state'))
  # The average saves only its own Variables, not the weights of the flow.
  names = [name for name, _ in tf.train.list_variables(path)]
  assert len([name for name in names if name.startswith('average/')]) == 2
  assert len(names) == 3  # with the object graph
  others, other = make()
  status = tf.train.Checkpoint(average=other).read(path)
  status.assert_consumed()
  for a, b in ((weights, average), (others, other)):
    draw(a, 3)
    b.update()
  with average.applied(), other.applied():
    assert_same(values(others), values(weights))


def test_update_takes_two_operations_per_weight():
  numbers = []
  for number in (10, 20):
    weights = [tf.Variable(tf.zeros([2, 3])) for _ in range(number)]
    update = tf.function(WeightAverage(weights, 0.9).update, autograph=False)
    operations = update.get_concrete_function().graph.get_operations()
    numbers.append(sum(op.type != 'Placeholder' for op in operations))
  assert numbers[1] - numbers[0] <= 2 * 10


def test_applied_average_is_evaluated_sampled_and_exported(tmp_path):
  config = tiny.get_config()
  shape = [4, 4, 1]
  images = np.arange(32, dtype=np.uint8).reshape([2, *shape])
  flow = build_flow(config, shape)
  values = tfp_cinc.dequantize(images, 8, noise=0.5)
  tfp_cinc.initialize_from_data(flow, values)
  average = WeightAverage(flow.trainable_variables, 0.9)
  log_prob = make_log_prob(flow)
  average.update()
  at_first = log_prob(values)
  sampled = evaluation.sample(flow, 4, temperature=1.0, num_bits=8)
  state = [variable.numpy() for variable in flow.variables]
  for i, variable in enumerate(flow.trainable_variables):
    variable.assign_add(
      0.1 * tf.random.stateless_normal(variable.shape, [i, 0])
    )
  later = log_prob(values)
  assert np.min(np.abs(later - at_first)) > 1e-3
  with average.applied():
    assert_same([v.numpy() for v in flow.variables], state)
    np.testing.assert_array_equal(log_prob(values), at_first)
    np.testing.assert_array_equal(
      evaluation.sample(flow, 4, temperature=1.0, num_bits=8), sampled
    )
    tfp_cinc.export_saved_model(flow, tmp_path / 'model', shape, 8)
  np.testing.assert_array_equal(log_prob(values), later)
  exported = tf.saved_model.load(str(tmp_path / 'model')).signatures
  latents = exported['encode'](images=tf.constant(images))['latents']
  with average.applied():
    expected = flow.bijector.inverse(tf.identity(values))
  np.testing.assert_allclose(
    latents, tf.reshape(expected, [2, -1]), rtol=1e-5, atol=1e-5
  )
