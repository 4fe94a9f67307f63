"""What is special to the QR matrix, besides the tests of all kinds."""

import functools

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tfp_cinc.matrices import QRMatrix, trainable_qr_matrix


def reflection(vector):
  return np.eye(len(vector)) - 2 * np.outer(vector, vector) / (vector @ vector)


@hypothesis.given(size=st.integers(1, 8), seed=st.integers(0, 10**6))
@hypothesis.settings(
  max_examples=40, deadline=None, derandomize=True, database=None
)
def test_is_the_product_of_its_factors(size, seed):
  """Reflection after reflection, in NumPy."""
  rng = np.random.default_rng(seed)
  vectors = rng.normal(size=[size, size]) * 10 ** rng.uniform(-2, 2, size)
  log_scale = rng.normal(size=[size])
  sign = rng.choice([-1.0, 1.0], size)
  strict = np.triu(rng.normal(size=[size, size]), 1)
  upper = [strict[j, i] for i in range(size) for j in range(i)]
  matrix = QRMatrix(vectors, log_scale, np.array(upper, float), sign)
  rotation = functools.reduce(np.matmul, map(reflection, vectors.T))
  triangle = np.diag(sign * np.exp(log_scale)) + strict
  np.testing.assert_allclose(matrix.dense(), rotation @ triangle, atol=1e-10)
  np.testing.assert_allclose(
    matrix.log_abs_det(), np.linalg.slogdet(triangle)[1], atol=1e-12
  )


def test_factors_are_those_of_numpy():
  values = np.random.default_rng(1).normal(size=[5, 5])
  matrix = QRMatrix.from_matrix(values)
  _, triangle = np.linalg.qr(values)
  np.testing.assert_allclose(
    matrix.log_scale, np.log(np.abs(np.diag(triangle))), atol=1e-12
  )
  lengths = np.linalg.norm(matrix.reflections, axis=0)
  np.testing.assert_allclose(lengths, np.ones(5), atol=1e-12)


def test_lengths_of_the_vectors_do_not_matter():
  matrix = trainable_qr_matrix(4, seed=1, dtype=tf.float64)
  dense = matrix.dense()
  matrix.reflections.assign(matrix.reflections * [1e-3, 5.0, -1.0, 1e3])
  np.testing.assert_allclose(matrix.dense(), dense, atol=1e-10)


def test_a_missing_sign_is_plus():
  matrix = QRMatrix(np.eye(2), np.zeros(2), np.array([3.0]))
  np.testing.assert_allclose(
    matrix.dense(), -np.array([[1.0, 3.0], [0.0, 1.0]]), atol=1e-15
  )
  assert len(tf.nest.flatten(matrix, expand_composites=True)) == 3


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'reflections': np.ones([2, 3])}, r'`reflections` .* be \[3, 3\]'),
    ({'log_scale': np.zeros(2)}, r'`log_scale` .* must be \[3\]'),
    ({'upper': np.zeros(4)}, r'`upper` has shape \(4,\); .* must be \[3\]'),
    ({'sign': np.ones(1)}, '`sign` has shape'),
  ],
)
def test_sizes_must_agree(arguments, message):
  good = {
    'reflections': np.eye(3),
    'log_scale': np.zeros(3),
    'upper': np.zeros(3),
  }
  QRMatrix(**good)
  with pytest.raises(ValueError, match=message):
    QRMatrix(**{**good, **arguments})
