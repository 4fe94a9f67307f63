"""Tests of containers whose parts have parameters with batch dimensions."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc import bijectors

tfb, tfd = tfp.bijectors, tfp.distributions

SCALES = tf.reshape(tf.range(1.0, 8.0), [7, 1, 1, 1])


def batched(event_ndims):
  """Seven different bijectors in one."""
  if event_ndims == 1:
    return tfb.ScaleMatvecDiag(SCALES[:, 0, 0] * tf.ones([7, 8]))
  return tfb.Scale(SCALES)


CONTAINERS = {
  'Adapted': lambda: bijectors.Adapted(batched(3)),
  'Inverse': lambda: bijectors.Inverse(batched(3)),
  'Chain': lambda: bijectors.Chain(
    [bijectors.trainable_cinc_conv2d(2, seed=1), batched(3)]
  ),
  'Chain of Inverse': lambda: bijectors.Chain([tfb.Invert(batched(3))]),
  'LeadingChannels': lambda: bijectors.LeadingChannels(batched(3), 1),
  'Squeezed': lambda: bijectors.Squeezed(batched(3)),
  'Reshaped': lambda: bijectors.Reshaped(batched(1), [2, 2, 2], [8]),
}


@pytest.mark.parametrize('name', CONTAINERS)
def test_the_batch_is_that_of_the_parts(name):
  bijector = CONTAINERS[name]()
  assert bijector.experimental_batch_shape(x_event_ndims=3) == [7]
  np.testing.assert_array_equal(
    bijector.experimental_batch_shape_tensor(x_event_ndims=3), [7]
  )
  base = tfd.Sample(tfd.Normal(0.0, 1.0), [2, 2, 2])
  distribution = tfd.TransformedDistribution(base, bijector)
  assert distribution.batch_shape == [7]
  samples = tf.identity(distribution.sample(5, seed=[0, 1]))
  assert samples.shape == [5, 7, 2, 2, 2]
  log_prob = distribution.log_prob(samples)
  assert log_prob.shape == [5, 7]
  one = tf.identity(samples[:, 3])
  np.testing.assert_allclose(
    distribution[3].log_prob(one), log_prob[:, 3], rtol=1e-5
  )
  # It would not be clear which dimensions are those of the batch.
  for method in (bijector.forward, bijector.inverse):
    with pytest.raises(ValueError, match="batch dimensions of the bijector's"):
      method(samples[0, 0])


@pytest.mark.parametrize('memory', ['store', 'checkpoint', 'reversible'])
def test_a_part_without_a_log_det_does_not_add_batch_dimensions(memory):
  parts = [bijectors.trainable_planar(3, seed=0), tfb.Shift(tf.zeros([2, 3]))]
  chain = bijectors.Chain(parts, memory)
  with pytest.raises(ValueError, match="batch dimensions of the bijector's"):
    chain.forward_log_det_jacobian(tf.ones([3]), 1)
  expected = tfb.Chain(parts).forward_log_det_jacobian(tf.ones([2, 3]), 1)
  log_det = chain.forward_log_det_jacobian(tf.ones([2, 3]), 1)
  np.testing.assert_allclose(log_det, expected, rtol=1e-5)


@pytest.mark.parametrize('memory', ['store', 'checkpoint', 'reversible'])
def test_gradients_have_the_shape_of_an_input_that_is_broadcast(memory):
  chain = bijectors.Chain(
    [bijectors.trainable_cinc_conv2d(2, seed=1), tfb.Scale(SCALES)], memory
  )
  x = tf.Variable(tf.ones([1, 4, 4, 2]))
  with tf.GradientTape() as tape:
    y, log_det = chain.forward_and_log_det(x, 3)
    loss = tf.reduce_sum(y**2) + tf.reduce_sum(log_det)
  gradient = tape.gradient(loss, x)
  assert gradient.shape == x.shape
  seven = tf.Variable(tf.ones([7, 4, 4, 2]))
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(chain.forward(seven) ** 2)
  each = tape.gradient(loss, seven)
  np.testing.assert_allclose(
    gradient, tf.reduce_sum(each, 0, keepdims=True), rtol=1e-5
  )
