"""Data-dependent initialization, and ActNorm with it."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc

tfb, tfd = tfp.bijectors, tfp.distributions


def make_flow():
  return tfp_cinc.models.glow(
    [4, 4, 3], levels=1, depth=2, hidden_channels=4, seed=0
  )


@pytest.fixture(scope='module')
def images():
  return tf.random.stateless_uniform([64, 4, 4, 3], [0, 0]) ** 2 - 0.5


def test_outputs_of_the_layers_are_standardized(images):
  flow = make_flow()
  assert not tfp_cinc.initialization.is_initialized(flow)
  tfp_cinc.initialize_from_data(flow, images)
  assert tfp_cinc.initialization.is_initialized(flow)
  seen = []

  def collect(layer, x):
    y = layer.bijector.forward(x)
    if isinstance(layer.bijector, tfp_cinc.bijectors.ActNorm):
      seen.append(y)
    return y

  tfp_cinc.tree.walk(tfp_cinc.tree.root(flow), images, collect, invert=True)
  assert len(seen) == 2
  for output in seen:
    np.testing.assert_allclose(np.mean(output, (0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(np.std(output, (0, 1, 2)), 1, atol=1e-4)


def test_neither_sampling_nor_log_prob_initializes(images):
  flow = make_flow()
  flow.log_prob(images)
  flow.sample(2)
  assert not tfp_cinc.initialization.is_initialized(flow)


def test_images_that_were_seen_before_initialize_too(images):
  """TFP's cache holds what it computed from the same tensor."""
  flow = make_flow()
  latents = flow.bijector.inverse(images)
  tfp_cinc.initialize_from_data(flow, images)
  assert tfp_cinc.initialization.is_initialized(flow)
  del latents


def test_a_constant_channel_is_no_nan():
  layer = tfp_cinc.bijectors.trainable_act_norm(2)
  x = tf.concat([tf.ones([8, 2, 2, 1]), tf.random.normal([8, 2, 2, 1])], -1)
  layer.initialize(x)
  y = layer.forward(x)
  assert np.all(np.isfinite(y))
  np.testing.assert_allclose(y[..., 0], 0, atol=1e-3)
  assert np.exp(layer.log_scale[0]) <= 1000.1


def test_layers_of_ones_own_are_initialized_too():
  class Centred(tfp_cinc.bijectors.FlowBijector):
    def __init__(self, mean, validate_args=False, name='centred'):
      parameters = dict(locals())
      self.mean = mean
      super().__init__(
        forward_min_event_ndims=1, parameters=parameters, name=name
      )

    def initialize(self, x, invert=False):
      self.mean.assign(tf.reduce_mean(x, axis=range(x.shape.rank - 1)))

    def _forward_and_log_det(self, x):
      return x - self.mean, tf.zeros([])

    def _inverse_and_log_det(self, y):
      return y + self.mean, tf.zeros([])

  flow = tfp_cinc.models.multiscale_flow(
    [4, 4, 1],
    layers=lambda channels, seed, dtype: Centred(tf.Variable([0.0] * channels)),
    levels=1,
    depth=1,
    hidden_channels=2,
    seed=0,
  )
  values = tf.random.stateless_uniform([32, 4, 4, 1], [0, 1]) - 0.5
  tfp_cinc.initialize_from_data(flow, values)
  [layer] = [b for b in tfp_cinc.tree.subtree(flow) if isinstance(b, Centred)]
  # `ActNorm`, before it, has made the means 0.
  np.testing.assert_allclose(layer.mean, 0, atol=1e-4)
  layer.initialize(tf.ones([2, 2, 2, 4]))
  np.testing.assert_allclose(layer.mean, 1.0)


def test_given_parameters_are_left_alone():
  layer = tfp_cinc.bijectors.ActNorm(log_scale=[1.0], shift=[2.0])
  layer.initialize(tf.random.normal([4, 2, 2, 1]))
  assert float(layer.log_scale[0]) == 1.0


@pytest.mark.parametrize(
  ('bad', 'message'),
  [
    (np.zeros([2, 4, 4, 3], np.uint8), 'uint8; a flow takes floating'),
    (np.zeros([2, 8, 8, 3], np.float32), r'takes \[N, 4, 4, 3\]'),
    (np.zeros([4, 4, 3], np.float32), r'takes \[N, 4, 4, 3\]'),
    (np.zeros([0, 4, 4, 3], np.float32), '`images` is empty'),
    (np.full([2, 4, 4, 3], np.nan, np.float32), 'not finite'),
    (np.full([2, 4, 4, 3], 255.0, np.float32), 'from 255 to 255'),
  ],
)
def test_bad_images(bad, message):
  flow = make_flow()
  with pytest.raises(ValueError, match=message):
    tfp_cinc.initialize_from_data(flow, bad)
  assert not tfp_cinc.initialization.is_initialized(flow)


def test_images_with_gaussian_noise_are_outside_of_the_range(images):
  flow, noisy = make_flow(), images + 0.2
  with pytest.raises(ValueError, match='Pass the `noise_scale` of images'):
    tfp_cinc.initialize_from_data(flow, noisy)
  with pytest.raises(ValueError, match=r'values from -1.3 to'):
    tfp_cinc.initialize_from_data(flow, images - 0.8, noise_scale=0.05)
  tfp_cinc.initialize_from_data(flow, noisy, noise_scale=0.05)
  assert tfp_cinc.initialization.is_initialized(flow)


def test_an_inverted_layer_is_initialized():
  layer = tfp_cinc.bijectors.trainable_act_norm(2)
  encoder = tfp_cinc.bijectors.Inverse(layer)
  base = tfd.Sample(tfd.Normal(0.0, 1.0), [4, 4, 2])
  flow = tfd.TransformedDistribution(base, tfb.Invert(encoder))
  values = tf.random.stateless_uniform([64, 4, 4, 2], [0, 1]) ** 2 - 0.5
  tfp_cinc.initialize_from_data(flow, values)
  assert tfp_cinc.initialization.is_initialized(flow)
  latents = encoder.forward(values)
  np.testing.assert_allclose(np.mean(latents, (0, 1, 2)), 0, atol=1e-5)
  np.testing.assert_allclose(np.std(latents, (0, 1, 2)), 1, atol=1e-4)
