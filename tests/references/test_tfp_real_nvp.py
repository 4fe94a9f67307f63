"""Couplings against `tfb.RealNVP` with the same networks.

Two things differ, and `_shift_and_log_scale` and `_bijector` undo them:

- order: TFP computes y = x * s + t, we compute y = (x + f) * s (the formula of
  CInC Flow, section 3.3), so that t = f * s.
- events: `tfb.RealNVP` has vectors for events. It takes an image's pixels as a
  batch of them, and its log-det is to be summed over pixels (`event_ndims=3`).

The unchanged channels come first in both.
"""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc
from tfp_cinc import networks

tfb = tfp.bijectors

TOLERANCE = {tf.float32: 2e-5, tf.float64: 1e-12}


def make_network(inputs, outputs, dtype, seed=1):
  """A network that is not at its zero start."""
  network = networks.trainable_glow_network(
    inputs, outputs, hidden_channels=5, seed=seed, dtype=dtype
  )
  rng = np.random.default_rng(seed)
  for variable in network.trainable_variables:
    change = 0.2 * rng.normal(size=variable.shape)
    variable.assign_add(tf.cast(change, dtype))
  return network


def make_images(channels, dtype):
  rng = np.random.default_rng(3)
  return tf.constant(rng.normal(size=[2, 4, 3, channels]), dtype)


def check(ours, theirs, x):
  """Values and log-dets of both directions, of images [N, H, W, C]."""
  tolerance = TOLERANCE[x.dtype]
  for method in ('forward', 'inverse'):
    log_det = f'{method}_log_det_jacobian'
    np.testing.assert_allclose(
      getattr(ours, method)(x),
      getattr(theirs, method)(x),
      rtol=tolerance,
      atol=tolerance,
    )
    np.testing.assert_allclose(
      getattr(ours, log_det)(tf.identity(x), event_ndims=3),
      getattr(theirs, log_det)(tf.identity(x), event_ndims=3),
      rtol=tolerance,
      atol=tolerance,
    )


def _shift_and_log_scale(network):
  """TFP's convention for a network of ours with an exponential scale."""

  def function(x, units):
    shift, log_scale = tf.split(network(x), [units, units], axis=-1)
    return shift * tf.exp(log_scale), log_scale

  return function


def _bijector(network):
  """For the scale function sigmoid(h + 2): (x + f) * s, of TFP's parts."""

  def function(x, units):
    shift, scale = tf.split(network(x), [units, units], axis=-1)
    return tfb.Chain([tfb.Scale(tf.sigmoid(scale + 2.0)), tfb.Shift(shift)])

  return function


@pytest.mark.parametrize('dtype', TOLERANCE, ids=lambda dtype: dtype.name)
def test_affine_coupling(dtype):
  network = make_network(2, 4, dtype)
  check(
    tfp_cinc.bijectors.AffineCoupling(network, 'exp', dtype),
    tfb.RealNVP(2, shift_and_log_scale_fn=_shift_and_log_scale(network)),
    make_images(4, dtype),
  )


@pytest.mark.parametrize('dtype', TOLERANCE, ids=lambda dtype: dtype.name)
def test_affine_coupling_of_sigmoid_scale(dtype):
  network = make_network(2, 4, dtype)
  check(
    tfp_cinc.bijectors.AffineCoupling(network, 'sigmoid', dtype),
    tfb.RealNVP(2, bijector_fn=_bijector(network)),
    make_images(4, dtype),
  )


@pytest.mark.filterwarnings('ignore:`tf.layers.dense` is deprecated')
def test_a_network_of_tfp():
  """TFP's own default network, in our coupling by t = f * s turned around."""
  template = tfb.real_nvp_default_template([6, 6], activation=tf.tanh)

  def network(x):
    pixels = tf.reshape(x, [-1, 3])
    shift, log_scale = template(pixels, 3)
    both = tf.concat([shift * tf.exp(-log_scale), log_scale], axis=-1)
    return tf.reshape(both, [*x.shape[:-1], 6])

  def of_images(x, units):
    found = template(tf.reshape(x, [-1, 3]), units)
    return [tf.reshape(value, x.shape) for value in found]

  check(
    tfp_cinc.bijectors.AffineCoupling(network, 'exp'),
    tfb.RealNVP(3, shift_and_log_scale_fn=of_images),
    make_images(6, tf.float32),
  )


@pytest.mark.parametrize('dtype', TOLERANCE, ids=lambda dtype: dtype.name)
def test_split_prior(dtype):
  """The learned prior of the channels that leave is an affine coupling too."""
  network = make_network(3, 6, dtype)
  x = make_images(6, dtype)
  check(
    tfp_cinc.bijectors.SplitPrior(network, dtype),
    tfb.RealNVP(3, shift_and_log_scale_fn=_shift_and_log_scale(network)),
    x,
  )
  # As a prior: the density of N(mu(z1), sigma(z1)) at z2.
  layer = tfp_cinc.bijectors.SplitPrior(network, dtype)
  z1, z2 = tf.split(x, 2, axis=-1)
  minus_mean, minus_log_deviation = tf.split(network(z1), 2, axis=-1)
  prior = tfp.distributions.Normal(-minus_mean, tf.exp(-minus_log_deviation))
  standard = tfp.distributions.Normal(tf.zeros([], dtype), tf.ones([], dtype))
  whitened = tf.split(layer.forward(x), 2, axis=-1)[1]
  log_prob = tf.reduce_sum(standard.log_prob(whitened), axis=[1, 2, 3])
  log_prob += layer.forward_log_det_jacobian(x, event_ndims=3)
  expected = tf.reduce_sum(prior.log_prob(z2), axis=[1, 2, 3])
  np.testing.assert_allclose(log_prob, expected, rtol=TOLERANCE[dtype])


@pytest.mark.parametrize('scale_function', ['exp', 'sigmoid'])
def test_quad_coupling_is_three_couplings_from_the_last_block_on(
  scale_function,
):
  """Block 4 is changed by blocks 1 to 3 first, then block 3 by 1 and 2, ..."""
  dtype, quarter = tf.float64, 2
  parts = [make_network(quarter * j, 4, dtype, seed=j) for j in (1, 2, 3)]
  steps = []
  for j, network in enumerate(parts, start=1):
    if scale_function == 'exp':
      options = {'shift_and_log_scale_fn': _shift_and_log_scale(network)}
    else:
      options = {'bijector_fn': _bijector(network)}
    step = tfb.RealNVP(quarter * j, **options)
    later = quarter * (3 - j)
    if later:
      sizes = [quarter * (j + 1), later]
      step = tfb.Blockwise([step, tfb.Identity()], sizes)
    steps.append(step)
  check(
    tfp_cinc.bijectors.QuadCoupling(parts, scale_function, dtype),
    tfb.Chain(steps),  # a chain applies its last bijector first
    make_images(4 * quarter, dtype),
  )
