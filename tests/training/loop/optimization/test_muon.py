"""Tests of Muon against its definition."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfp_cinc
from training.loop.optimization.muon import Muon, network_kernels

RATE = 0.01


def gradients(shape, number, seed=0):
  """Returns gradients that are much larger in some directions."""
  rng = np.random.default_rng(seed)
  rows, columns = int(np.prod(shape[:-1])), shape[-1]
  scales = np.logspace(0, -1, columns)
  return [
    (rng.normal(size=[rows, columns]) * scales).reshape(shape)
    for _ in range(number)
  ]


def moves(shape, values, optimizer=None, is_kernel=True):
  """Returns the move of a variable at each gradient; Muon by default."""
  variable = tf.Variable(tf.zeros(shape))
  optimizer = optimizer or Muon(RATE, [variable] if is_kernel else [])
  found = []
  for value in values:
    before = variable.numpy()
    optimizer.apply_gradients([(tf.constant(value, tf.float32), variable)])
    found.append(variable.numpy() - before)
  return found


@pytest.mark.parametrize(
  'shape', [[3, 3, 4, 24], [1, 1, 16, 16], [3, 3, 8, 6], [8, 24], [24, 8]]
)
def test_a_kernel_moves_by_an_orthogonal_matrix(shape):
  values = gradients(shape, 3)
  size = max(np.prod(shape[:-1]), shape[-1])
  momentum = np.zeros(shape)
  for gradient, move in zip(values, moves(shape, values), strict=True):
    momentum = 0.95 * momentum + gradient
    matrix = (gradient + 0.95 * momentum).reshape(-1, shape[-1])
    u, sizes, v = np.linalg.svd(matrix, full_matrices=False)
    step = -move.reshape(matrix.shape) / (RATE * 0.2 * np.sqrt(size))
    # The step goes along the singular vectors, equally far along each.
    along = u.T @ step @ v.T
    found = sizes > 0.005 * np.linalg.norm(matrix)
    assert np.sum(found) >= len(sizes) - 2
    assert np.all(np.abs(np.diag(along)[found] - 0.95) < 0.35)
    assert np.max(np.abs(along - np.diag(np.diag(along)))) < 0.1
    assert np.linalg.norm(step) == pytest.approx(
      np.linalg.norm(along), rel=0.02
    )


def test_steps_are_about_as_large_as_those_of_adam():
  shape = [3, 3, 32, 64]
  values = gradients(shape, 30)
  adam = tf_keras.optimizers.legacy.Adam(RATE)
  ours, others = (
    np.sqrt(np.mean(moves(shape, values, optimizer)[-1] ** 2))
    for optimizer in (None, adam)
  )
  assert 0.5 < ours / others < 2.0


@pytest.mark.parametrize('shape', [[], [5], [3, 4], [3, 3, 2, 2]])
def test_other_variables_are_updated_by_adam(shape):
  values = gradients([1, *shape], 3)
  values = [value.reshape(shape) for value in values]
  adam = tf_keras.optimizers.legacy.Adam(RATE)
  for ours, others in zip(
    moves(shape, values, is_kernel=False),
    moves(shape, values, adam),
    strict=True,
  ):
    np.testing.assert_array_equal(ours, others)


def test_zero_gradient_moves_nothing():
  (move,) = moves([1, 1, 4, 4], [np.zeros([1, 1, 4, 4])])
  np.testing.assert_array_equal(move, 0.0)


def test_kernels_have_one_slot_and_other_variables_two():
  kernel, bias = tf.Variable(tf.zeros([1, 1, 4, 4])), tf.Variable(tf.zeros([4]))
  optimizer = Muon(RATE, [kernel])
  optimizer._create_all_weights([kernel, bias])
  # The number of steps is a variable of the optimizer, too.
  assert len(optimizer.variables()) == 1 + 1 + 2


def test_kernels_are_those_of_the_networks():
  flow = tfp_cinc.models.cinc(
    [4, 4, 1],
    levels=2,
    depth=1,
    hidden_channels=8,
    layers='one_by_one+cinc+periodic',
    seed=0,
  )
  shapes = sorted(k.shape.as_list() for k in network_kernels(flow))
  # Couplings of 4 and of 8 channels, and a learned prior of 2 channels.
  expected = [[3, 3, 2, 8], [1, 1, 8, 8], [1, 1, 8, 4]]
  expected += [[3, 3, 4, 8], [1, 1, 8, 8], [1, 1, 8, 8], [3, 3, 2, 4]]
  assert shapes == sorted(expected)


def test_kernels_of_a_transformer_are_those_of_its_linear_layers():
  flow = tfp_cinc.models.tarflow(
    [4, 4, 1], depth=1, num_layers=1, hidden_channels=8, seed=0
  )
  shapes = [kernel.shape.as_list() for kernel in network_kernels(flow)]
  layer = [[8, 24], [8, 8], [8, 32], [32, 8]]
  # The first and the last linear layer are among them.
  assert sorted(shapes) == sorted([[4, 8], *layer, [8, 8]])
