"""Denoising, against posterior means that are known in closed form."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc
from tfp_cinc import bijectors, models

tfb = tfp.bijectors
tfd = tfp.distributions
SHAPE = [2, 3, 2]


@pytest.fixture(scope='module')
def gaussian():
  """A flow of linear layers: a Gaussian with mean and covariance."""
  layer = bijectors.trainable_cinc_conv2d(
    channels=2, kernel_size=3, seed=0, dtype=tf.float64
  )
  rng = np.random.default_rng(0)
  for variable in layer.trainable_variables:
    variable.assign_add(0.1 * rng.normal(size=variable.shape))
  base = tfd.Sample(tfd.Normal(tf.constant(0.0, tf.float64), 1.0), SHAPE)
  flow = tfd.TransformedDistribution(
    base, tfb.Chain([tfb.Shift(rng.normal(size=SHAPE)), tfb.Invert(layer)])
  )
  zeros = tf.zeros([1, *SHAPE], tf.float64)
  basis = tf.reshape(tf.eye(12, dtype=tf.float64), [12, *SHAPE])
  mean = np.reshape(flow.bijector.forward(zeros), [12])
  matrix = np.reshape(flow.bijector.forward(basis), [12, 12]) - mean
  return flow, mean, matrix.T @ matrix


@pytest.mark.parametrize('batch_shape', [[], [3], [2, 3]])
def test_gaussian_flow_gives_the_posterior_mean(gaussian, batch_shape):
  """With C the covariance of noisy images, that of clean ones is C - s^2 I."""
  flow, mean, covariance = gaussian
  scale = 0.3
  clean = covariance - scale**2 * np.eye(12)
  assert np.min(np.linalg.eigvalsh(clean)) > 0
  images = np.random.default_rng(1).normal(size=[*batch_shape, *SHAPE])
  offset = images.reshape([*batch_shape, 12]) - mean
  gain = clean @ np.linalg.inv(covariance)
  expected = mean + offset @ gain.T
  found = tfp_cinc.denoise(flow, images, scale)
  assert found.dtype == tf.float64
  np.testing.assert_allclose(
    np.reshape(found, [*batch_shape, 12]), expected, rtol=1e-10, atol=1e-12
  )
  spec = tf.TensorSpec([None] * len(batch_shape) + SHAPE, tf.float64)
  traced = tf.function(
    lambda x: tfp_cinc.denoise(flow, x, tf.constant(scale, tf.float64)),
    input_signature=[spec],
    autograph=False,
  )
  np.testing.assert_allclose(traced(images), found, rtol=1e-12)


def test_noise_of_a_grid_of_pixels_is_removed():
  """Noisy pixels of two values have a posterior mean that is a sigmoid."""
  scale, values = 0.1, np.array([-0.25, 0.25])
  mixture = tfd.MixtureSameFamily(
    tfd.Categorical(probs=np.array([0.5, 0.5])), tfd.Normal(values, scale)
  )
  flow = tfd.Sample(mixture, [1, 1, 1])
  images = np.linspace(-0.5, 0.5, 11).reshape([11, 1, 1, 1])
  expected = 0.25 * np.tanh(0.25 * images / scale**2)
  found = tfp_cinc.denoise(flow, images, scale)
  np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


@pytest.fixture(scope='module')
def conditional():
  flow = models.tarflow(
    [2, 2, 1],
    patch_size=1,
    num_layers=1,
    depth=1,
    hidden_channels=4,
    condition_channels=3,
    dtype=tf.float64,
    seed=0,
  )
  rng = np.random.default_rng(0)
  for variable in flow.trainable_variables:
    variable.assign_add(0.3 * rng.normal(size=variable.shape))
  return flow


def test_samples_are_denoised_given_their_own_condition(conditional):
  flow = tfp_cinc.given(conditional, [0, 2])
  # TFP has the latents of samples in its cache.
  samples = flow.sample([3, 2], seed=[0, 1])
  found = tfp_cinc.denoise(flow, samples, 0.1)
  assert found.shape == [3, 2, 2, 2, 1]
  for place, label in enumerate([0, 2]):
    one = tfp_cinc.given(conditional, label)
    images = tf.constant(samples[:, place].numpy())
    expected = tfp_cinc.denoise(one, images, 0.1)
    np.testing.assert_allclose(found[:, place], expected, rtol=1e-9)
  assert np.all(np.max(np.abs(found - samples), (2, 3, 4)) > 1e-4)
  np.testing.assert_array_equal(tfp_cinc.denoise(flow, samples, 0.0), samples)


def test_bad_input(conditional):
  flow = tfp_cinc.given(conditional, [0, 2])
  with pytest.raises(ValueError, match='`images` are uint8; `denoise` takes'):
    tfp_cinc.denoise(flow, np.zeros([2, 2, 2, 1], np.uint8), 0.1)
  with pytest.raises(ValueError, match='the flow takes'):
    tfp_cinc.denoise(flow, tf.zeros([2, 2, 3, 1]), 0.1)
  for scale in (-0.1, float('nan')):
    with pytest.raises(ValueError, match=f'is {scale}; it must be at least 0'):
      tfp_cinc.denoise(flow, tf.zeros([2, 2, 2, 1]), scale)
  with pytest.raises(ValueError, match='repeat the images, one for each'):
    tfp_cinc.denoise(flow, tf.zeros([3, 1, 2, 2, 1]), 0.1)
  spec = tf.TensorSpec([None, None, 2, 2, 1], tf.float64)
  traced = tf.function(
    lambda x: tfp_cinc.denoise(flow, x, 0.1), [spec], autograph=False
  )
  with pytest.raises(tf.errors.InvalidArgumentError, match='repeat the images'):
    traced(np.zeros([3, 1, 2, 2, 1]))
