"""A bijector on events of another shape."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc

tfb = tfp.bijectors


@pytest.mark.parametrize(
  ('event_shape', 'inner_shape'),
  [([2, 3, 1], [6]), ([6], [1, 2, 3]), ([6], [6]), ([2, 3], [3, 2])],
)
def test_is_the_bijector_between_two_reshapes(event_shape, inner_shape):
  layer = tfp_cinc.bijectors.Reshaped(tfb.Sinh(), event_shape, inner_shape)
  x = tf.random.stateless_normal([4, 5, *event_shape], [0, 1], dtype='double')
  np.testing.assert_allclose(layer.forward(x), np.sinh(x))
  np.testing.assert_allclose(layer.inverse(x), np.arcsinh(x))
  log_det = layer.forward_log_det_jacobian(x, len(event_shape))
  expected = np.log(np.cosh(x)).reshape([4, 5, 6]).sum(-1)
  np.testing.assert_allclose(log_det, expected)


def test_a_constant_jacobian_is_counted_once_an_element():
  layer = tfp_cinc.bijectors.Reshaped(tfb.Scale(2.0), [2, 3, 1], [6])
  log_det = layer.forward_log_det_jacobian(tf.zeros([4, 2, 3, 1]), 3)
  np.testing.assert_allclose(log_det, 6 * np.log(2.0), rtol=1e-6)


def test_conditions_go_to_the_bijector_by_name():
  class Shifted(tfb.Bijector):
    def __init__(self):
      super().__init__(forward_min_event_ndims=1, name='shifted')

    def _forward(self, x, by):
      return x + by

    def _inverse(self, y, by):
      return y - by

    def _forward_log_det_jacobian(self, x, by):
      return tf.zeros(x.shape[:-1])

  layer = tfp_cinc.bijectors.Reshaped(tfb.Chain([Shifted()]), [2, 1, 1], [2])
  by = tf.constant([[1.0, 2.0], [3.0, 4.0]])
  y = layer.forward(tf.zeros([2, 2, 1, 1]), shifted={'by': by})
  np.testing.assert_array_equal(np.reshape(y, [2, 2]), by)
  x = layer.inverse(tf.identity(y), shifted={'by': by})
  np.testing.assert_array_equal(x, tf.zeros([2, 2, 1, 1]))


@pytest.mark.parametrize(
  ('event_shape', 'inner_shape', 'message'),
  [
    ([2, 3, 1], [5], r'\[2, 3, 1\] has 6 elements and `inner_shape` \[5\] 5'),
    ([0], [0], 'at least 1'),
    ([6], [], r'`inner_shape` \[\]; both must have at least'),
  ],
)
def test_bad_shapes(event_shape, inner_shape, message):
  with pytest.raises(ValueError, match=message):
    tfp_cinc.bijectors.Reshaped(tfb.Sinh(), event_shape, inner_shape)


def test_too_few_inner_dimensions():
  inner = tfp_cinc.bijectors.trainable_cinc_conv2d(1)
  with pytest.raises(ValueError, match='takes events of 3 or more'):
    tfp_cinc.bijectors.Reshaped(inner, [1], [1])


def test_bad_events():
  layer = tfp_cinc.bijectors.Reshaped(tfb.Sinh(), [2, 3], [6])
  with pytest.raises(ValueError, match=r'events must have shape \[2, 3\]'):
    layer.forward(tf.zeros([5, 3, 2]))
