"""What is special to ChannelAffine, besides the conformance set."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc

tfb = tfp.bijectors
tfd = tfp.distributions


def test_is_the_scale_and_shift_of_tfp():
  log_scale, shift = np.array([0.5, -1.0, 0.0]), np.array([1.0, 0.0, -2.0])
  layer = tfp_cinc.bijectors.ChannelAffine(log_scale, shift)
  reference = tfb.Shift(shift)(tfb.Scale(log_scale=log_scale))
  x = np.random.default_rng(0).normal(size=[2, 4, 5, 3])
  np.testing.assert_allclose(layer.forward(x), reference.forward(x))
  np.testing.assert_allclose(layer.inverse(x), reference.inverse(x))
  np.testing.assert_allclose(
    tf.broadcast_to(layer.forward_log_det_jacobian(x, event_ndims=3), [2]),
    reference.forward_log_det_jacobian(x, event_ndims=3),
  )


def test_starts_as_the_identity_and_does_not_initialize():
  layer = tfp_cinc.bijectors.trainable_channel_affine(3)
  x = tf.random.stateless_uniform([2, 4, 5, 3], [0, 0], -0.5, 0.5)
  base = tfd.Sample(tfd.Normal(0.0, 1.0), [4, 5, 3])
  flow = tfd.TransformedDistribution(base, tfb.Invert(layer))
  tfp_cinc.initialize_from_data(flow, x)
  np.testing.assert_array_equal(layer.forward(x), x)
  assert len(layer.variables) == 2


def test_act_norm_is_one():
  """With the same values it is the same map."""
  values = {'log_scale': np.array([0.5, -1.0]), 'shift': np.array([1.0, 2.0])}
  act_norm = tfp_cinc.bijectors.ActNorm(**values)
  assert isinstance(act_norm, tfp_cinc.bijectors.ChannelAffine)
  x = np.random.default_rng(0).normal(size=[2, 3, 3, 2])
  np.testing.assert_array_equal(
    act_norm.forward(x), tfp_cinc.bijectors.ChannelAffine(**values).forward(x)
  )


@pytest.mark.parametrize('shapes', [([2], [3]), ([1, 2], [1, 2]), ([], [])])
@pytest.mark.parametrize(
  'kind', [tfp_cinc.bijectors.ChannelAffine, tfp_cinc.bijectors.ActNorm]
)
def test_shapes_must_agree(kind, shapes):
  with pytest.raises(ValueError, match=r'`log_scale` has .* must be \[C\]'):
    kind(*map(tf.zeros, shapes))


@pytest.mark.parametrize('method', ['forward', 'inverse'])
def test_wrong_channels_are_named(method):
  layer = tfp_cinc.bijectors.trainable_channel_affine(1)
  with pytest.raises(ValueError, match='this layer is for 1 channels'):
    getattr(layer, method)(tf.zeros([2, 4, 4, 2]))
