"""Flows of less spread."""

import numpy as np
import pytest
import tensorflow as tf

from tests.tfp_cinc.latents import flows
from tfp_cinc import latents


@pytest.mark.parametrize('model', ['cinc', 'nice'])
def test_samples_are_of_the_same_latents_times_the_temperature(model):
  flow = flows.flow(model)
  z = latents.encode(flow, flow.sample(3, seed=[1, 2]))
  for temperature in (0.0, 0.7, tf.constant(2.0)):
    tempered = latents.with_temperature(flow, temperature)
    samples = tempered.sample(3, seed=[1, 2])
    np.testing.assert_allclose(
      latents.encode(tempered, samples), temperature * z, atol=1e-4
    )
    np.testing.assert_allclose(
      samples, latents.decode(flow, temperature * z), atol=1e-4
    )


def test_its_density():
  """Against a flow that is a normal distribution."""
  flow = flows.scales(2.0)
  x = flows.values()
  tempered = latents.with_temperature(flow, 0.5)
  expected = flows.tfd.Normal(0.0, 0.25).log_prob(x)
  expected = tf.reduce_sum(expected, [1, 2, 3])
  np.testing.assert_allclose(tempered.log_prob(x), expected, rtol=1e-5)


def test_its_density_by_level():
  flow = latents.with_temperature(flows.scales(2.0, 3.0), 0.5)
  x = flows.values()
  total, parts = latents.log_prob_by_level(flow, x)
  assert parts.shape == [3, 2]
  np.testing.assert_allclose(total, flow.log_prob(tf.identity(x)), rtol=1e-5)


def test_temperature_of_a_base_that_is_not_ours():
  flow = flows.foreign()
  samples = latents.with_temperature(flow, 0.0).sample(2)
  expected = latents.decode(flow, tf.zeros([2, 3]))
  np.testing.assert_allclose(samples, expected)


def test_bad_temperature():
  for temperature in (-0.1, float('nan')):
    with pytest.raises(ValueError, match='it must be at least 0'):
      latents.with_temperature(flows.flow(), temperature)
