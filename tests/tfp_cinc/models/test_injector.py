"""Tests of flows whose steps have an injector."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc

OPTIONS = {
  'layers': 'injector+one_by_one',
  'levels': 1,
  'depth': 1,
  'hidden_channels': 4,
  'seed': 0,
}


def test_injector_shifts_the_unchanged_channels_by_the_condition_too():
  """The coupling passes half of its channels on; the injector changes all."""
  flow = tfp_cinc.models.cinc([4, 4, 1], condition_channels=1, **OPTIONS)
  for i, variable in enumerate(flow.trainable_variables):
    noise = tf.random.stateless_normal(variable.shape, [i, 0])
    variable.assign_add(0.3 * noise)
  x = tf.random.stateless_uniform([2, 4, 4, 1], [0, 0]) - 0.5
  latents = []
  for value in (0.0, 1.0):
    given = tfp_cinc.given(flow, tf.fill([2, 2, 2, 1], value))
    z = given.bijector.inverse(x)
    np.testing.assert_allclose(
      given.bijector.forward(tf.identity(z)), x, atol=1e-4
    )
    latents.append(z)
  assert np.all(np.abs(latents[0] - latents[1]) > 1e-4)


def test_injector_needs_a_condition():
  with pytest.raises(
    ValueError, match="'injector' and `condition_channels` is"
  ):
    tfp_cinc.models.cinc([4, 4, 1], **OPTIONS)
