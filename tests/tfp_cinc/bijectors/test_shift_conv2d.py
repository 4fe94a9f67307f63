"""What is special to ShiftConv2D, besides the conformance set."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc


def test_is_equation_6_of_the_paper():
  """W S(x), per pixel, with the shift function of equation 7."""
  rng = np.random.default_rng(0)
  log_scale, shift = rng.normal(size=[2, 3])
  matrix = rng.normal(size=[3, 3])
  layer = tfp_cinc.bijectors.ShiftConv2D(
    tfp_cinc.bijectors.ChannelAffine(log_scale, shift),
    tfp_cinc.bijectors.OneByOneConv2D(tfp_cinc.matrices.DenseMatrix(matrix)),
  )
  x = rng.normal(size=[2, 4, 5, 3])
  expected = np.einsum('cd,nijc->nijd', matrix, np.exp(log_scale) * x + shift)
  np.testing.assert_allclose(layer.forward(x), expected, atol=1e-12)
  np.testing.assert_allclose(
    layer.forward_log_det_jacobian(x, event_ndims=3),
    20 * (log_scale.sum() + np.linalg.slogdet(matrix)[1]),
    atol=1e-10,
  )


@pytest.mark.parametrize(
  ('parametrization', 'parameters'), [('plu', 24), ('dense', 24), ('qr', 34)]
)
def test_parameters(parametrization, parameters):
  layer = tfp_cinc.bijectors.trainable_shift_conv2d(
    4, parametrization=parametrization, seed=0, dtype=tf.float64
  )
  sizes = [int(np.prod(v.shape)) for v in layer.trainable_variables]
  assert sum(sizes) == parameters
  matrix = layer.forward(np.eye(4)[:, np.newaxis, np.newaxis])[:, 0, 0]
  np.testing.assert_allclose(
    matrix @ tf.transpose(matrix), np.eye(4), atol=1e-12
  )
  same = tfp_cinc.bijectors.trainable_one_by_one_conv2d(
    4, seed=0, dtype=tf.float64
  )
  np.testing.assert_allclose(matrix, same.matrix.dense(), atol=1e-12)


def test_bad_arguments():
  shift = tfp_cinc.bijectors.trainable_channel_affine(3)
  with pytest.raises(ValueError, match=r'for 3 channels .* for 4; both'):
    tfp_cinc.bijectors.ShiftConv2D(
      shift, tfp_cinc.bijectors.trainable_one_by_one_conv2d(4)
    )
  with pytest.raises(ValueError, match='dtypes'):
    tfp_cinc.bijectors.ShiftConv2D(
      shift, tfp_cinc.bijectors.trainable_one_by_one_conv2d(3, dtype=tf.float64)
    )
  with pytest.raises(ValueError, match='`parametrization` is'):
    tfp_cinc.bijectors.trainable_shift_conv2d(3, parametrization='lu')
