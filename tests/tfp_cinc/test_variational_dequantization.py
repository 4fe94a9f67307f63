"""Learned dequantization noise and its bound."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_cinc

tfd = tfp.distributions
SHAPE = [4, 3, 3]
PIXELS = np.random.default_rng(0).integers(0, 256, [6, *SHAPE], np.uint8)
SMOOTH = PIXELS // 64 + 100


def build(shape=SHAPE, **options):
  return (
    tfp_cinc.variational_dequantization.trainable_variational_dequantization(
      shape, hidden_channels=8, seed=0, **options
    )
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
  uniform = np.random.default_rng(2).uniform(0.01, 0.99, [1, *SHAPE])
  uniform = tf.constant(uniform)
  with tf.GradientTape() as tape:
    tape.watch(uniform)
    x, log_q = noise.dequantize(SMOOTH[:1], noise=uniform)
  jacobian = 256 * np.reshape(tape.jacobian(x, uniform), [36, 36])
  # Of the uniform numbers of density 1.
  expected = -np.linalg.slogdet(jacobian)[1]
  assert abs(expected) > 0.5
  np.testing.assert_allclose(log_q, [expected], atol=1e-9)
  # Channels depend on those before, at the same pixel and beside it.
  by_channel = np.abs(jacobian.reshape([12, 3, 12, 3])).max((0, 2))
  np.testing.assert_array_equal(by_channel > 0, np.tri(3, dtype=bool))


def test_the_noise_in_place_of_uniform_noise():
  noise = moved(build())
  u = np.random.default_rng(3).uniform(0.01, 0.99, PIXELS.shape)
  values = tfp_cinc.dequantize(PIXELS, 5, noise=u)
  expected = noise.dequantize(PIXELS, 5, noise=u)
  for found, one in zip(
    noise.replace_uniform(values, 5), expected, strict=True
  ):
    np.testing.assert_allclose(found, one, rtol=1e-3, atol=1e-4)
  assert np.max(np.abs(expected[0] - values)) > 0.1 / 2**5


def test_it_sees_a_step_of_one_grey_level():
  noise = moved(build([8, 8, 3]))
  flat = np.full([1, 8, 8, 3], 20, np.uint8)
  step = flat.copy()
  step[:, :, 4:] += 1

  def places(images):
    x, _ = noise.dequantize(images, noise=0.3)
    return 256 * (x - tfp_cinc.dequantize(images, noise=0.3))

  change = np.abs(places(step) - places(flat)).max((0, 1, 3))
  assert np.min(change[3:5]) > 20 * np.max(change[[0, 7]])


@pytest.mark.slow
def test_the_same_noise_with_xla():
  """The numbers without XLA are those of `tfd.Logistic`."""
  noise, seed = build(), tf.constant([7, -3])
  x, _ = noise.dequantize(PIXELS, seed=seed)
  with_xla = tf.function(noise.dequantize, jit_compile=True)
  np.testing.assert_allclose(
    with_xla(PIXELS, seed=seed)[0], x, rtol=0, atol=1e-5 / 256
  )
  e = tfd.Logistic(0.0, 1.0).sample(PIXELS.shape, seed=seed)
  expected = tfp_cinc.dequantize(PIXELS, noise=tf.sigmoid(e))
  np.testing.assert_allclose(x, expected, rtol=0, atol=1e-4 / 256)


def test_values_below_the_lowest_bin():
  """Such as those of samples, which `quantize` clips."""
  x, _ = moved(build()).replace_uniform(tf.fill([1, *SHAPE], -0.5 - 1e-7))
  assert np.all(x >= -0.5)


@pytest.mark.parametrize('batch_shape', [(), (2, 3)])
def test_batch_shapes(batch_shape):
  pixels = np.broadcast_to(PIXELS[0], [*batch_shape, *SHAPE])
  x, log_q = moved(build()).dequantize(pixels, seed=1)
  assert x.shape == [*batch_shape, *SHAPE]
  assert log_q.shape == batch_shape


def test_given_a_label():
  noise = moved(build(condition_channels=3))
  uniform = np.random.default_rng(1).uniform(size=[2, *SHAPE])
  pixels = PIXELS[:2]
  x, log_q = tfp_cinc.given(noise, [2, 0]).dequantize(pixels, noise=uniform)
  for i, label in enumerate([2, 0]):
    expected, expected_log_q = tfp_cinc.given(noise, label).dequantize(
      pixels[i], noise=uniform[i]
    )
    np.testing.assert_allclose(x[i], expected, atol=1e-6)
    np.testing.assert_allclose(log_q[i], expected_log_q, rtol=1e-4)
  _, other = tfp_cinc.given(noise, None).dequantize(pixels, noise=uniform)
  assert np.all(np.abs(other - log_q) > 1e-3)
  with pytest.raises(ValueError, match='`condition` is missing'):
    noise.dequantize(pixels)
  with pytest.raises(ValueError, match='takes no condition'):
    tfp_cinc.given(build(), 0)


def test_training_tightens_the_bound_and_never_passes_the_exact_value():
  """Pixels of independent normals, whose bins have exact probabilities."""
  shape = [4, 4, 1]
  bits = 2  # wide bins: uniform noise is far from the density within them
  density = tfd.Independent(
    tfd.Normal(tf.fill(shape, -0.1), 0.06), reinterpreted_batch_ndims=3
  )
  edges = np.arange(5) / 4 - 0.5
  exact = np.log(np.diff(tfd.Normal(np.float64(-0.1), 0.06).cdf(edges)))
  pixels = (
    np.random.default_rng(1).integers(1, 3, [64, *shape]).astype(np.uint8)
  )
  exact = np.sum(np.take(exact, pixels), axis=(1, 2, 3)).mean()
  images = pixels * 64
  noise = build(shape)
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
  with pytest.raises(ValueError, match=r'`image_shape` is \[4, 4\]'):
    build([4, 4])
  with pytest.raises(ValueError, match="`network` is 'glowing'"):
    build(network='glowing')
  with pytest.raises(ValueError, match='`networks` is empty'):
    tfp_cinc.variational_dequantization.VariationalDequantization([])
  with pytest.raises(ValueError, match='takes uint8 pixels'):
    build().dequantize(tf.zeros([2, *SHAPE]))
  with pytest.raises(ValueError, match='this noise is for 3 channels'):
    build().dequantize(PIXELS[..., :1])
