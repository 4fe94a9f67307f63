"""What is special to Squeeze, besides the conformance set."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc


def test_a_block_of_pixels_becomes_one_pixel():
  x = tf.reshape(tf.range(16.0), [4, 4, 1])
  y = tfp_cinc.bijectors.Squeeze().forward(x)
  np.testing.assert_array_equal(y[0, 1], [2.0, 3.0, 6.0, 7.0])


@pytest.mark.parametrize('dtype', [tf.float16, tf.float32, tf.float64])
def test_takes_any_dtype(dtype):
  x = tf.ones([2, 4, 4, 1], dtype)
  y, log_det = tfp_cinc.bijectors.Squeeze().forward_and_log_det(x)
  assert y.dtype == log_det.dtype == dtype


def test_bad_input():
  with pytest.raises(
    ValueError, match='height 5 of the image is not divisible'
  ):
    tfp_cinc.bijectors.Squeeze().forward(tf.zeros([5, 4, 1]))
  with pytest.raises(ValueError, match='6 channels of the image are not'):
    tfp_cinc.bijectors.Squeeze().inverse(tf.zeros([2, 2, 6]))
  with pytest.raises(ValueError, match='needs a rank of at least 3'):
    tfp_cinc.bijectors.Squeeze().forward(tf.zeros([4, 4]))
  with pytest.raises(ValueError, match='`factor` is 1'):
    tfp_cinc.bijectors.Squeeze(1)
