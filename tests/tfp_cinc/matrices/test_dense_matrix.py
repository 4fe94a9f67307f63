"""What is special to the dense matrix, besides the tests of all kinds."""

import numpy as np
import pytest
import tensorflow as tf

from tfp_cinc.matrices import DenseMatrix


def test_integers_and_lists_become_float32():
  matrix = DenseMatrix([[0.0, 2.0], [1.0, 0.0]])
  assert matrix.dtype == tf.float32
  np.testing.assert_allclose(matrix.log_abs_det(), np.log(2.0), rtol=1e-6)
  assert DenseMatrix.from_matrix([[2, 0], [0, 1]]).dtype == tf.float32


def test_second_derivative_of_log_det():
  """The gradient is A^-T, and its own is that of the inverse."""
  values = np.random.default_rng(0).normal(size=[3, 3]) + 2 * np.eye(3)
  matrix = DenseMatrix(tf.Variable(values))
  with tf.GradientTape(persistent=True) as outer:
    with tf.GradientTape() as inner:
      log_det = matrix.log_abs_det()
    slope = inner.gradient(log_det, matrix.matrix)
  hessian = outer.jacobian(slope, matrix.matrix, experimental_use_pfor=False)
  inverse = np.linalg.inv(values)
  np.testing.assert_allclose(slope, inverse.T, atol=1e-12)
  np.testing.assert_allclose(
    hessian, -np.einsum('jk,li->ijkl', inverse, inverse), atol=1e-10
  )


@pytest.mark.parametrize('shape', [[2, 3], [4], [2, 2, 2]])
def test_must_be_square(shape):
  with pytest.raises(ValueError, match=r'`matrix` has shape .* \[C, C\]'):
    DenseMatrix(tf.zeros(shape))
