"""What is special to OneByOneConv2D, besides the conformance set."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import strategies as st

import tfp_cinc
from tfp_cinc import matrices

PARAMETRIZATIONS = {
  'plu': matrices.PLUMatrix,
  'dense': matrices.DenseMatrix,
  'qr': matrices.QRMatrix,
}


@pytest.mark.parametrize('parametrization', PARAMETRIZATIONS)
def test_starts_as_a_rotation(parametrization):
  assert PARAMETRIZATIONS.keys() == matrices.MATRICES.keys()
  layer = tfp_cinc.bijectors.trainable_one_by_one_conv2d(
    6, parametrization=parametrization, seed=0, dtype=tf.float64
  )
  assert isinstance(layer.matrix, PARAMETRIZATIONS[parametrization])
  matrix = layer.matrix.dense().numpy()
  np.testing.assert_allclose(matrix @ matrix.T, np.eye(6), atol=1e-12)


@pytest.mark.parametrize('parametrization', PARAMETRIZATIONS)
def test_acts_on_the_channels_of_each_pixel(parametrization):
  layer = tfp_cinc.bijectors.trainable_one_by_one_conv2d(
    3, parametrization=parametrization, seed=0
  )
  x = tf.random.stateless_normal([2, 4, 5, 3], [0, 0])
  np.testing.assert_allclose(
    layer.forward(x), x.numpy() @ layer.matrix.dense().numpy(), atol=1e-5
  )


@hypothesis.given(channels=st.integers(1, 7), seed=st.integers(0, 10**6))
@hypothesis.settings(
  max_examples=20, deadline=None, derandomize=True, database=None
)
def test_is_the_matvec_of_tfp(channels, seed):
  """`tfb.ScaleMatvecLU` of the same factors multiplies from the left."""
  layer = tfp_cinc.bijectors.trainable_one_by_one_conv2d(
    channels, seed=seed, dtype=tf.float64
  )
  rng = np.random.default_rng(seed)
  for variable in layer.trainable_variables:
    variable.assign_add(0.1 * rng.normal(size=variable.shape))
  factors, entries = layer.matrix, np.tril_indices(channels, -1)
  packed, upper = np.zeros([2, channels, channels])
  packed[entries] = factors.lower
  upper.T[entries] = factors.upper
  diagonal = factors.sign * np.exp(factors.log_scale)
  packed += np.diag(diagonal) + diagonal[:, np.newaxis] * upper
  reference = tfp.bijectors.ScaleMatvecLU(packed, factors.permutation)

  # All columns of A are what it makes of the unit vectors.
  matrix = tf.transpose(reference.forward(np.eye(channels)))
  x = rng.normal(size=[2, 3, 4, channels])
  y = layer.forward(x)
  np.testing.assert_allclose(y, x @ matrix.numpy(), atol=1e-12)
  inverse = tf.transpose(reference.inverse(np.eye(channels)))
  np.testing.assert_allclose(layer.inverse(x), x @ inverse.numpy(), atol=1e-10)
  np.testing.assert_allclose(
    layer.forward_log_det_jacobian(x, event_ndims=3),
    12 * reference.forward_log_det_jacobian(x[0, 0, 0], event_ndims=1),
    atol=1e-11,
  )


@pytest.mark.parametrize('method', ['forward', 'inverse'])
def test_wrong_channels_are_named(method):
  """2 * 4 * 4 * 2 numbers would also be 4-vectors: it must not guess."""
  layer = tfp_cinc.bijectors.trainable_one_by_one_conv2d(4)
  with pytest.raises(ValueError, match='this layer is for 4 channels'):
    getattr(layer, method)(tf.zeros([2, 4, 4, 2]))


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'channels': 0}, '`channels` is 0; it must be at least 1'),
    ({'channels': 2, 'parametrization': 'lu'}, "must be one of .*'plu'"),
  ],
)
def test_bad_arguments(arguments, message):
  with pytest.raises(ValueError, match=message):
    tfp_cinc.bijectors.trainable_one_by_one_conv2d(**arguments)
