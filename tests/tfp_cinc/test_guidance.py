"""Classifier-free guidance, against products of normal densities."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc
from tfp_cinc import bijectors, models, networks

tfd = tfp.distributions
SHAPE = [2, 2, 2]


def moved(flow, scale=0.3):
  rng = np.random.default_rng(0)
  for variable in flow.trainable_variables:
    variable.assign_add(scale * rng.normal(size=variable.shape))
  return flow


def build(model, **options):
  return moved(
    model(
      SHAPE,
      depth=1,
      hidden_channels=4,
      condition_channels=3,
      conditional_base=True,
      dtype=tf.float64,
      seed=0,
      **options,
    )
  )


FLOWS = {
  'cinc': lambda: build(models.cinc, levels=1),
  'cinc_paper': lambda: build(models.cinc_paper, levels=1),
  'shared': lambda: build(
    models.cinc, levels=1, coupling='quad', network='shared'
  ),
  'real_nvp': lambda: build(models.real_nvp, levels=1, checkerboards=1),
  'nice': lambda: build(models.nice, num_layers=1),
  'maf': lambda: build(models.maf, num_layers=1),
  'iaf': lambda: build(models.iaf, num_layers=1),
  'jet': lambda: build(models.jet, patch_size=1, num_layers=1),
  'tarflow': lambda: build(models.tarflow, patch_size=1, num_layers=1),
}


@pytest.mark.parametrize('name', FLOWS)
def test_no_guidance_samples_from_the_flow(name):
  flow = FLOWS[name]()
  expected = tfp_cinc.given(flow, [0, 2]).sample([3, 2], seed=[0, 1])
  found = tfp_cinc.sample_guided(flow, [0, 2], [3, 2], 0.0, seed=[0, 1])
  np.testing.assert_array_equal(found, expected)
  guided = tfp_cinc.sample_guided(flow, [0, 2], [3, 2], 2.0, seed=[0, 1])
  assert np.all(np.isfinite(guided))
  assert np.all(np.max(np.abs(guided - expected), (2, 3, 4)) > 1e-4)


def product(conditional, unconditional, guidance):
  """Mean and deviation of p_c^(1 + w) / p_u^w, by a sum over a grid."""
  x = np.linspace(-20, 20, 40001)
  log_density = (1 + guidance) * conditional.log_prob(
    x
  ) - guidance * unconditional.log_prob(x)
  density = np.exp(log_density - np.max(log_density))
  mean = np.sum(x * density) / np.sum(density)
  return mean, np.sqrt(np.sum((x - mean) ** 2 * density) / np.sum(density))


def prior(invert):
  """One latent, normal given a label of two numbers; scaled up without one."""
  network = networks.trainable_zero_conv_network(
    1, 2, condition_channels=2, dtype=tf.float64
  )
  bias, kernel = network.trainable_variables
  sign = -1 if invert else 1
  center = [[0.0, 0.0], [0.7, sign * 0.4], [-0.5, -sign * 0.9]]
  kernel.assign(np.pad([[center]], [[1, 1], [1, 1], [0, 0], [0, 0]]))
  bias.assign([0.3, -0.2 * sign])
  layer = bijectors.ConditionalPrior(network, tf.float64)
  base = tfd.Sample(tfd.Normal(tf.zeros([], tf.float64), 1.0), [1, 1, 1])
  if not invert:
    layer = bijectors.Inverse(layer)
  return tfd.TransformedDistribution(base, layer)


def autoregressive(invert):
  layer = moved(
    bijectors.trainable_masked_autoregressive(
      1,
      hidden_channels=2,
      num_layers=1,
      condition_channels=2,
      seed=0,
      dtype=tf.float64,
    ),
    0.5,
  )
  base = tfd.Sample(tfd.Normal(tf.zeros([], tf.float64), 1.0), [1])
  if invert:
    layer = bijectors.Inverse(layer)
  return tfd.TransformedDistribution(base, layer)


def transformer(invert):
  assert not invert
  layer = moved(
    bijectors.trainable_autoregressive_transformer(
      1,
      hidden_channels=4,
      num_layers=1,
      condition_channels=2,
      seed=0,
      dtype=tf.float64,
    ),
    0.5,
  )
  base = tfd.Sample(tfd.Normal(tf.zeros([], tf.float64), 1.0), [1, 1, 1])
  return tfd.TransformedDistribution(base, bijectors.Inverse(layer))


@pytest.mark.parametrize(
  ('make', 'invert'),
  [
    (prior, False),
    (prior, True),
    (autoregressive, False),
    (autoregressive, True),
    (transformer, False),
  ],
)
@pytest.mark.parametrize('label', [0, 1])
@pytest.mark.parametrize('guidance', [0.5, 3.0])
def test_is_the_product_of_normal_densities(make, invert, label, guidance):
  flow = make(invert)

  def normal(flow):
    zero, one = (
      tf.reshape(flow.bijector.forward(tf.fill(flow.event_shape, z)), [])
      for z in tf.constant([0.0, 1.0], tf.float64)
    )
    return tfd.Normal(zero, tf.abs(one - zero))

  conditional = normal(tfp_cinc.given(flow, label))
  unconditional = normal(tfp_cinc.given(flow, None))
  samples = tfp_cinc.sample_guided(flow, label, 1000, guidance, seed=[0, 1])
  z = flow.distribution.sample(1000, seed=[0, 1])
  slope, mean = np.polyfit(np.ravel(z), np.ravel(samples), 1)
  if conditional.scale > unconditional.scale:  # its scale is that of p_u
    difference = conditional.mean() - unconditional.mean()
    expected = conditional.mean() + guidance * difference, conditional.scale
  else:
    expected = product(conditional, unconditional, guidance)
  np.testing.assert_allclose([mean, slope], expected, rtol=1e-4)


def test_in_a_function_with_a_tensor_of_guidance():
  flow = FLOWS['cinc']()

  @tf.function(autograph=False)
  def sample(labels, guidance):
    return tfp_cinc.sample_guided(
      flow, labels, [2], guidance, seed=tf.constant([0, 1])
    )

  expected = tfp_cinc.sample_guided(flow, [0, 2], [2], 2.0, seed=[0, 1])
  found = sample(tf.constant([0, 2]), tf.constant(2.0, tf.float64))
  np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_bad_input():
  flow = FLOWS['cinc']()
  with pytest.raises(ValueError, match='`guidance` is -1; it must be at least'):
    tfp_cinc.sample_guided(flow, 0, [], -1)
  with pytest.raises(ValueError, match='already has a condition'):
    tfp_cinc.sample_guided(tfp_cinc.given(flow, 0), 0)
  for other, kind in (
    (build(models.cinc, levels=1, coupling='spline'), 'Spline'),
    (build(models.residual, num_layers=1), 'ResidualFlow'),
    (build(models.ffjord, num_layers=1), 'ContinuousFlow'),
  ):
    with pytest.raises(ValueError, match=f'its {kind} has no shift and scale'):
      tfp_cinc.sample_guided(other, 0)
