"""What every invertible matrix does, whatever holds it."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tfp_cinc.matrices import (
  DenseMatrix,
  FrozenMatrix,
  PLUMatrix,
  QRMatrix,
  trainable_dense_matrix,
  trainable_plu_matrix,
  trainable_qr_matrix,
)

KINDS = (PLUMatrix, DenseMatrix, QRMatrix)
TRAINABLE = {
  PLUMatrix: trainable_plu_matrix,
  DenseMatrix: trainable_dense_matrix,
  QRMatrix: trainable_qr_matrix,
}
# Trainable numbers for C channels.
COUNTS = {
  PLUMatrix: lambda c: c * c,
  DenseMatrix: lambda c: c * c,
  QRMatrix: lambda c: c * c + c + c * (c - 1) // 2,
}

sizes_and_seeds = {
  'kind': st.sampled_from(KINDS),
  'size': st.integers(1, 9),
  'seed': st.integers(0, 10**6),
}
examples = hypothesis.settings(
  max_examples=60, deadline=None, derandomize=True, database=None
)


def random_matrix(size, seed):
  """A matrix of condition number at most 100 and either sign of the det."""
  rng = np.random.default_rng(seed)
  left, right = (
    np.linalg.qr(rng.normal(size=[size, size]))[0] for _ in range(2)
  )
  return left @ np.diag(10 ** rng.uniform(-1, 1, size)) @ right


def factors(matrix):
  """The tensors or Variables of which a matrix consists."""
  return tf.nest.flatten(matrix, expand_composites=True)


def trainable_matrix(kind, values):
  """The float64 matrix of these values with Variables as factors."""
  matrix = TRAINABLE[kind](len(values), dtype=tf.float64)
  constant = kind.from_matrix(values)
  for variable, factor in zip(factors(matrix), factors(constant), strict=True):
    variable.assign(factor)
  return matrix


@hypothesis.given(**sizes_and_seeds)
@examples
def test_is_the_matrix_that_it_was_made_from(kind, size, seed):
  expected = random_matrix(size, seed)
  matrix = kind.from_matrix(expected)
  assert (matrix.size, matrix.dtype) == (size, tf.float64)
  np.testing.assert_allclose(matrix.dense(), expected, atol=1e-12)
  np.testing.assert_allclose(
    matrix.inverse(), np.linalg.inv(expected), atol=1e-10
  )
  np.testing.assert_allclose(
    matrix.log_abs_det(), np.linalg.slogdet(expected)[1], atol=1e-11
  )


@hypothesis.given(**sizes_and_seeds)
@examples
def test_stays_exact_while_it_is_trained(kind, size, seed):
  """Variables anywhere: dense, inverse and log-det belong together."""
  matrix = TRAINABLE[kind](size, seed=seed, dtype=tf.float64)
  rng = np.random.default_rng(seed)
  for variable in matrix.trainable_variables:
    variable.assign_add(0.1 * rng.normal(size=variable.shape))
  dense = matrix.dense().numpy()
  hypothesis.assume(np.linalg.cond(dense) < 1e4)
  np.testing.assert_allclose(dense @ matrix.inverse(), np.eye(size), atol=1e-10)
  np.testing.assert_allclose(
    matrix.log_abs_det(), np.linalg.slogdet(dense)[1], atol=1e-10
  )


@hypothesis.given(**sizes_and_seeds)
@examples
def test_random_rotations(kind, size, seed):
  matrix = TRAINABLE[kind](size, seed=seed, dtype=tf.float64)
  dense = matrix.dense().numpy()
  np.testing.assert_allclose(dense @ dense.T, np.eye(size), atol=1e-12)
  np.testing.assert_allclose(matrix.log_abs_det(), 0, atol=1e-12)
  again = trainable_plu_matrix(size, seed=seed, dtype=tf.float64)
  np.testing.assert_allclose(again.dense(), dense, atol=1e-12)


@pytest.mark.parametrize('kind', KINDS)
def test_trainable(kind):
  matrix = TRAINABLE[kind](4, seed=1, name='rotation')
  assert isinstance(matrix, kind)
  assert matrix.name == 'rotation'
  assert matrix.dtype == tf.float32
  assert all(isinstance(factor, tf.Variable) for factor in factors(matrix))
  constant = kind.from_matrix(matrix.dense().numpy())
  assert not constant.variables
  np.testing.assert_allclose(matrix.dense(), constant.dense(), atol=1e-6)
  count = sum(int(np.prod(v.shape)) for v in matrix.trainable_variables)
  assert count == COUNTS[kind](4)


@pytest.mark.parametrize('kind', KINDS)
def test_gradient_of_log_det(kind):
  """d log|det A| / dA = A^-T, along a random direction of each factor."""
  matrix = trainable_matrix(kind, random_matrix(4, seed=3))
  variables = matrix.trainable_variables
  rng = np.random.default_rng(4)
  inverse = np.linalg.inv(matrix.dense())
  with tf.GradientTape() as tape:
    log_det = matrix.log_abs_det()
  slopes = tape.gradient(
    log_det, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
  )
  for variable, slope in zip(variables, slopes, strict=True):
    direction, start = rng.normal(size=variable.shape), variable.numpy()
    step, ends = 1e-6, []
    for sign in (1, -1):
      variable.assign(start + sign * step * direction)
      ends.append(matrix.dense().numpy())
    variable.assign(start)
    change = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(
      np.sum(slope * direction), np.trace(inverse @ change), atol=1e-6
    )


@pytest.mark.parametrize('kind', KINDS)
def test_freeze_keeps_the_matrix_as_constants(kind):
  matrix = trainable_matrix(kind, random_matrix(4, seed=6))
  expected = matrix.dense(), matrix.inverse(), matrix.log_abs_det()
  frozen = matrix.freeze()
  for variable in matrix.trainable_variables:
    variable.assign_add(tf.ones_like(variable))
  assert isinstance(frozen, FrozenMatrix)
  assert (frozen.size, frozen.dtype) == (matrix.size, matrix.dtype)
  assert frozen.name == matrix.name
  assert not frozen.variables
  for again in (frozen, frozen.freeze()):
    actual = again.dense(), again.inverse(), again.log_abs_det()
    for one, other in zip(actual, expected, strict=True):
      np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize('kind', KINDS)
def test_compiles_by_xla(kind):
  matrix = trainable_matrix(kind, random_matrix(3, seed=5))

  @tf.function(jit_compile=True)
  def everything():
    with tf.GradientTape() as tape:
      log_det = matrix.log_abs_det() + tf.reduce_sum(matrix.inverse())
    gradients = tape.gradient(log_det, matrix.trainable_variables)
    return matrix.dense(), matrix.inverse(), log_det, *gradients

  compiled = everything()
  eager = everything.python_function()
  for one, other in zip(eager, compiled, strict=True):
    np.testing.assert_allclose(one, other, atol=1e-10)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
  ('matrix', 'message'),
  [
    (np.ones([3, 3]), 'the matrix is singular'),
    (np.zeros([1, 1]), 'the matrix is singular'),
    (np.full([2, 2], np.nan), 'not finite'),
    (np.ones([2, 3]), r'has shape \(2, 3\); it must be \[C, C\]'),
    (np.ones([0, 0]), 'C >= 1'),
    (np.ones([4]), r'has shape \(4,\)'),
  ],
)
def test_what_has_no_inverse_is_refused(kind, matrix, message):
  with pytest.raises(ValueError, match=message):
    kind.from_matrix(matrix)


@pytest.mark.parametrize('kind', KINDS)
def test_a_rotation_has_a_size(kind):
  with pytest.raises(ValueError, match='`size` is 0'):
    TRAINABLE[kind](0)
