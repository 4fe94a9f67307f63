"""Learned dequantization noise and its bound."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_cinc

tfd = tfp.distributions
SHAPE = [4, 4, 1]
PIXELS = np.random.default_rng(0).integers(0, 256, [6, *SHAPE], np.uint8)


def build(**options):
  return tfp_cinc.trainable_variational_dequantization(
    SHAPE, depth=2, hidden_channels=8, seed=0, **options
  )


def moved(noise):
  """The same with Variables away from where they start."""
  rng = np.random.default_rng(1)
  for variable in noise.trainable_variables:
    variable.assign_add(0.2 * rng.normal(size=variable.shape))
  return noise


def test_starts_as_uniform_noise():
  noise = build()
  x, log_q = noise.dequantize(np.repeat(PIXELS, 200, axis=0), seed=1)
  np.testing.assert_allclose(log_q, 0.0, atol=1e-3)
  u = np.ravel((x + 0.5) * 256 % 1)
  quantiles = np.quantile(u, [0.1, 0.5, 0.9])
  np.testing.assert_allclose(quantiles, [0.1, 0.5, 0.9], atol=0.02)


@pytest.mark.parametrize('num_bits', [8, 3])
def test_noise_stays_within_the_bins(num_bits):
  x, _ = moved(build()).dequantize(PIXELS, num_bits, seed=1)
  kept = PIXELS // 2 ** (8 - num_bits) * 2 ** (8 - num_bits)
  np.testing.assert_array_equal(tfp_cinc.quantize(x, num_bits), kept)


def test_log_q_is_the_density_of_the_noise():
  """Against the dense Jacobian from e to u, in float64."""
  noise = moved(build(dtype=tf.float64))
  e = tfd.Logistic(tf.zeros([], tf.float64), 1.0).sample(
    [1, *SHAPE], seed=[3, 4]
  )
  with tf.GradientTape() as tape:
    tape.watch(e)
    middle = tf.cast(tfp_cinc.dequantize(PIXELS[:1], noise=0.5), tf.float64)
    kwargs = tfp_cinc.condition_on(noise.bijector, middle)
    u = tf.sigmoid(noise.bijector.forward(e, **kwargs))
  jacobian = np.reshape(tape.jacobian(u, e), [16, 16])
  density = np.sum(tfd.Logistic(tf.zeros([], tf.float64), 1.0).log_prob(e))
  expected = density - np.linalg.slogdet(jacobian)[1]
  x, log_q = noise.dequantize(PIXELS[:1], seed=[3, 4])
  np.testing.assert_allclose(x, middle + (u - 0.5) / 256, atol=1e-9)
  np.testing.assert_allclose(log_q, [expected], atol=1e-9)


def test_training_tightens_the_bound_and_never_passes_the_exact_value():
  """Pixels of independent normals, whose bins have exact probabilities."""
  bits = 2  # wide bins: uniform noise is far from the density within them
  density = tfd.Independent(
    tfd.Normal(tf.fill(SHAPE, -0.1), 0.06), reinterpreted_batch_ndims=3
  )
  edges = np.arange(5) / 4 - 0.5
  exact = np.log(np.diff(tfd.Normal(np.float64(-0.1), 0.06).cdf(edges)))
  pixels = (
    np.random.default_rng(1).integers(1, 3, [64, *SHAPE]).astype(np.uint8)
  )
  exact = np.sum(np.take(exact, pixels), axis=(1, 2, 3)).mean()
  images = pixels * 64
  noise = build(dtype=tf.float32)
  variables = list(noise.trainable_variables)
  optimizer = tf_keras.optimizers.legacy.Adam(1e-2)
  volume = 16 * bits * np.log(2.0)

  @tf.function
  def step(seed):
    with tf.GradientTape() as tape:
      x, log_q = noise.dequantize(images, bits, seed=seed)
      bound = tf.reduce_mean(density.log_prob(x) - log_q) - volume
      loss = -bound
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return bound

  bounds = [float(step(tf.constant([0, i]))) for i in range(300)]
  before, after = np.mean(bounds[:5]), np.mean(bounds[-20:])
  assert before < exact - 2.0
  assert after > before + 0.8 * (exact - before)
  assert after < exact + 0.05  # the noise of a mean over 20 steps


def test_bad_input():
  with pytest.raises(ValueError, match='`depth` is 0'):
    tfp_cinc.trainable_variational_dequantization(SHAPE, depth=0)
  with pytest.raises(ValueError, match='takes uint8 pixels'):
    build().dequantize(tf.zeros([2, *SHAPE]))
