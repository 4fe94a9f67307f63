"""The prior of latents given a condition."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc
from tfp_cinc.networks import trainable_zero_conv_network

tfd = tfp.distributions


def test_is_the_normal_density_of_its_mean_and_scale():
  network = trainable_zero_conv_network(1, 4, condition_channels=3)
  rng = np.random.default_rng(0)
  for variable in network.trainable_variables:
    variable.assign(0.3 * rng.normal(size=variable.shape))
  layer = tfp_cinc.bijectors.ConditionalPrior(network)
  z = tf.constant(rng.normal(size=[2, 4, 3, 2]), tf.float32)
  label = tf.one_hot([2, 0], 3)
  shift, log_scale = tf.split(network(tf.ones([2, 4, 3, 1]), label), 2, axis=-1)
  expected = tfd.Normal(-shift, tf.exp(-log_scale)).log_prob(z)
  flow = tfd.TransformedDistribution(
    tfd.Sample(tfd.Normal(0.0, 1.0), [4, 3, 2]),
    tfp_cinc.bijectors.Inverse(layer),
  )
  found = tfp_cinc.given(flow, [2, 0]).log_prob(z)
  np.testing.assert_allclose(
    found, tf.reduce_sum(expected, [1, 2, 3]), rtol=1e-5
  )
