"""Dequantization and bits per dimension."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc

tfd = tfp.distributions

ALL_PIXELS = np.arange(256, dtype=np.uint8).reshape([1, 16, 16, 1])


@pytest.mark.parametrize('num_bits', [8, 5, 1])
@pytest.mark.parametrize('noise', [None, 0.0, 0.5, 1.0 - 2.0**-24])
def test_quantize_undoes_dequantize(num_bits, noise):
  values = tfp_cinc.dequantize(ALL_PIXELS, num_bits, seed=1, noise=noise)
  assert values.dtype == tf.float32
  assert np.min(values) >= -0.5
  assert np.max(values) < 0.5
  kept = ALL_PIXELS // 2 ** (8 - num_bits) * 2 ** (8 - num_bits)
  np.testing.assert_array_equal(tfp_cinc.quantize(values, num_bits), kept)


def test_noise_fills_the_bin_evenly():
  values = tfp_cinc.dequantize(np.zeros([1, 100, 100, 1], np.uint8), 5, seed=1)
  within = (values.numpy() + 0.5) * 32
  np.testing.assert_allclose(np.mean(within), 1 / 2, atol=0.01)
  np.testing.assert_allclose(np.var(within), 1 / 12, atol=0.01)


def test_seed():
  one, same, other = (
    tfp_cinc.dequantize(ALL_PIXELS, seed=tf.constant([seed, 0]))
    for seed in (1, 1, 2)
  )
  np.testing.assert_array_equal(one, same)
  assert np.any(np.not_equal(one, other))


def test_quantize_clips():
  values = tf.constant([-7.0, -0.5, 0.499999, 0.5, 7.0])
  np.testing.assert_array_equal(
    tfp_cinc.quantize(values), [0, 0, 255, 255, 255]
  )


def test_bits_per_dim_by_hand():
  """A density of 2^5 over 2 x 1 x 1 pixels: -5/2 bits a pixel, plus 8."""
  bits = tfp_cinc.bits_per_dim(np.log(2.0**5), [2, 1, 1], num_bits=8)
  np.testing.assert_allclose(bits, 8 - 2.5)


@pytest.mark.parametrize('shape', [[None, 1, 1], [0, 1, 1]])
def test_bits_per_dim_of_unknown_shapes(shape):
  with pytest.raises(ValueError, match=r'`event_shape` is \[.*must be known'):
    tfp_cinc.bits_per_dim(0.0, tf.TensorShape(shape))


@pytest.mark.parametrize('num_bits', [8, 5])
def test_a_uniform_density_costs_all_the_bits(num_bits):
  uniform = tfd.Independent(tfd.Uniform(tf.fill([4, 4, 3], -0.5), 0.5), 3)
  images = np.random.default_rng(0).integers(0, 256, [5, 4, 4, 3], np.uint8)
  values = tfp_cinc.dequantize(images, num_bits, seed=1)
  bits = tfp_cinc.bits_per_dim(uniform.log_prob(values), [4, 4, 3], num_bits)
  np.testing.assert_allclose(bits, num_bits, rtol=1e-6)


@pytest.mark.parametrize(
  ('function', 'argument', 'num_bits', 'message'),
  [
    ('dequantize', np.zeros([1], np.float32), 8, 'float32; `dequantize` takes'),
    ('dequantize', np.zeros([1], np.uint8), 9, '`num_bits` is 9'),
    ('quantize', np.zeros([1], np.uint8), 8, 'uint8; `quantize` takes'),
    ('quantize', np.zeros([1], np.float32), 0, '`num_bits` is 0'),
    ('quantize', np.zeros([1], np.float32), 7.5, '7.5; it must be an integer'),
    (
      'dequantize',
      np.zeros([1], np.uint8),
      None,
      'None; it must be an integer',
    ),
  ],
)
def test_bad_input(function, argument, num_bits, message):
  with pytest.raises(ValueError, match=message):
    getattr(tfp_cinc, function)(argument, num_bits)


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'noise': 5.0}, r'`noise` has values from 5 to 5; it must be in \[0, 1\)'),
    ({'noise': 1.0}, 'from 1 to 1; it must be in'),
    ({'noise': [0.5, -1e-9]}, 'from -1e-09 to 0.5; it must be in'),
    ({'noise': np.nan}, 'from nan to nan; it must be in'),
    ({'noise': np.zeros([3])}, r'shape \(3,\), which does not broadcast'),
    ({'noise': 'half'}, '`noise` is string; it must be floating'),
    ({'seed': 1.5}, '`seed` is float32 of shape'),
    ({'seed': [1, 2, 3]}, r'`seed` is int32 of shape \(3,\); it must be an'),
  ],
)
def test_bad_noise_and_seeds(options, message):
  images = np.zeros([4, 2], np.uint8)
  learned = tfp_cinc.variational_dequantization.VariationalDequantization
  for dequantize in (tfp_cinc.dequantize, learned([None, None]).dequantize):
    with pytest.raises(ValueError, match=message):
      dequantize(images, **options)


def test_num_bits_of_numpy():
  np.testing.assert_array_equal(
    tfp_cinc.dequantize(ALL_PIXELS, np.uint8(8), noise=0.5),
    tfp_cinc.dequantize(ALL_PIXELS, 8, noise=0.5),
  )
  assert tfp_cinc.bits_per_dim(0.0, [1, 1, 1], np.uint8(8)) == 8


def test_the_same_noise_with_xla():
  """The numbers are those of the release before, without XLA."""
  seed = tf.constant([7, -3])
  zero = tf.zeros([2, 2, 1], tf.uint8)
  expected = tfp_cinc.dequantize(zero, seed=seed)

  @tf.function(jit_compile=True)
  def with_xla(seed):
    return tfp_cinc.dequantize(zero, seed=seed)

  np.testing.assert_array_equal(with_xla(seed), expected)
  u = tf.random.stateless_uniform(
    [2, 2, 1], tfp.random.sanitize_seed(seed, 'dequantize')
  )
  np.testing.assert_array_equal(tfp_cinc.dequantize(zero, noise=u), expected)
