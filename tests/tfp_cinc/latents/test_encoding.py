"""Images to vectors of latents and back."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tests.tfp_cinc.latents import flows
from tfp_cinc import latents


@pytest.mark.parametrize('model', ['cinc', 'maf'])
def test_round_trip_in_the_order_of_the_bijector(model):
  flow, x = flows.flow(model), flows.values()
  z = latents.encode(flow, x)
  assert z.shape == [3, 128]
  own = flow.bijector.inverse(tf.identity(x))
  np.testing.assert_allclose(z, tf.reshape(own, [3, -1]), atol=1e-6)
  again = latents.decode(flow, z)
  assert again.shape == x.shape
  np.testing.assert_allclose(again, x, atol=1e-5)


def test_of_a_flow_that_is_not_ours():
  flow = flows.foreign()
  x = tf.constant([[1.0, 2.0, 3.0], [0.1, 0.2, 0.3]])
  z = latents.encode(flow, x)
  np.testing.assert_allclose(latents.decode(flow, z), x, rtol=1e-5)
  total, parts = latents.log_prob_by_level(flow, x)
  np.testing.assert_allclose(total, flow.log_prob(tf.identity(x)), rtol=1e-6)
  assert parts.shape == [2, 1]
  assert latents.latent_levels(flow).tolist() == [0, 0, 0]


def test_of_a_conditional_flow():
  flow, x = flows.flow(condition_channels=3), flows.values()
  labels = flows.labels(3)
  z = latents.encode(flow, x, labels)
  np.testing.assert_allclose(latents.decode(flow, z, labels), x, atol=1e-5)
  others = latents.decode(flow, z, tf.roll(labels, 1, 0))
  assert np.max(np.abs(others - x)) > 1e-2
  with pytest.raises(ValueError, match='condition'):
    latents.encode(flow, x)


def test_after_the_weights_have_changed():
  """TFP's cache would give the latents of the old ones."""
  base = flows.scales(2.0).distribution
  factor = tf.Variable(2.0)
  flow = flows.tfd.TransformedDistribution(base, flows.tfb.Scale(factor))
  x = flows.values()
  before = latents.encode(flow, x)
  factor.assign(4.0)
  np.testing.assert_allclose(latents.encode(flow, x), before / 2)


def test_bad_input():
  flow = flows.flow()
  with pytest.raises(ValueError, match='are uint8; a flow takes floating'):
    latents.encode(flow, np.zeros([3, 8, 8, 2], np.uint8))
  with pytest.raises(ValueError, match=r'the flow takes \[N, 8, 8, 2\]'):
    latents.encode(flow, tf.zeros([8, 8, 2]))
  with pytest.raises(ValueError, match=r'the flow takes floating \[N, 128\]'):
    latents.decode(flow, tf.zeros([3, 127]))
  with pytest.raises(ValueError, match='takes no condition'):
    latents.encode(flow, flows.values(), tf.zeros([3, 2]))


def test_of_float64():
  flow = flows.flow(dtype=tf.float64)
  x = flows.values()  # float32
  z = latents.encode(flow, x)
  assert z.dtype == tf.float64
  np.testing.assert_allclose(latents.decode(flow, z), x, atol=1e-12)
  total, parts = latents.log_prob_by_level(flow, x)
  assert total.dtype == parts.dtype == tf.float64
  bits = latents.bits_per_dim_by_level(parts, latents.latent_levels(flow), 5)
  expected = tfp_cinc.bits_per_dim(total, flows.SHAPE, 5)
  np.testing.assert_allclose(tf.reduce_sum(bits, 1), expected, rtol=1e-12)
