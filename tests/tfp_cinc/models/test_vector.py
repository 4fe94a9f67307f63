"""Flows that see an event as a vector."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc
from tfp_cinc import models

tfb = tfp.bijectors
tfd = tfp.distributions

SMALL = {
  models.maf: {'depth': 2, 'hidden_channels': 6},
  models.iaf: {'depth': 2, 'hidden_channels': 6},
  models.residual: {'depth': 2, 'hidden_channels': 6, 'num_layers': 1},
  models.ffjord: {'hidden_channels': 6, 'num_layers': 1},
}
all_models = pytest.mark.parametrize(
  'model', SMALL, ids=lambda model: model.__name__
)


def make(model, event_shape, scale=0.3, **options):
  """A small flow away from its start."""
  flow = model(event_shape, seed=0, **SMALL[model], **options)
  rng = np.random.default_rng(0)
  for variable in flow.trainable_variables:
    variable.assign_add(
      tf.cast(scale * rng.normal(size=variable.shape), variable.dtype)
    )
  return flow


@all_models
def test_is_a_distribution_over_events(model):
  flow = make(model, [2, 1, 2])
  assert isinstance(flow, tfd.Distribution)
  assert flow.event_shape == [2, 1, 2]
  assert flow.batch_shape == []
  samples = flow.sample([2, 3], seed=1)
  assert samples.shape == [2, 3, 2, 1, 2]
  assert flow.log_prob(samples).shape == [2, 3]


@all_models
def test_the_density_integrates_to_one(model):
  flow = make(model, [2], scale=0.2, dtype=tf.float64)
  line = np.linspace(-12, 12, 241)
  grid = np.stack(np.meshgrid(line, line), axis=-1).reshape([-1, 2])
  density = np.exp(flow.log_prob(tf.constant(grid)))
  area = (line[1] - line[0]) ** 2
  np.testing.assert_allclose(np.sum(density) * area, 1, atol=1e-3)
  # So do its samples have the mean and the spread of the density.
  mean = np.sum(grid * density[:, np.newaxis], axis=0) * area
  spread = np.sqrt(np.sum(grid**2 * density[:, np.newaxis], 0) * area - mean**2)
  samples = flow.sample(4000, seed=1)
  np.testing.assert_allclose(np.mean(samples, 0), mean, atol=0.1)
  np.testing.assert_allclose(np.std(samples, 0), spread, atol=0.1)


@pytest.mark.parametrize(
  'model', [models.maf, models.iaf, models.residual], ids=lambda m: m.__name__
)
def test_training_lowers_the_loss(model):
  rng = np.random.default_rng(0)
  first = rng.normal(size=[256, 1])
  second = 0.5 * first**2 + 0.2 * rng.normal(size=[256, 1])
  data = tf.constant(np.concatenate([first, second], axis=-1), tf.float32)
  flow = model([2], seed=0, **{**SMALL[model], 'hidden_channels': 16})
  tfp_cinc.initialize_from_data(flow, data)
  assert tfp_cinc.initialization.is_initialized(flow)
  variables = flow.trainable_variables

  @tf.function(autograph=False)
  def step():
    with tf.GradientTape() as tape:
      loss = -tf.reduce_mean(flow.log_prob(data))
    gradients = tape.gradient(
      loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    for variable, gradient in zip(variables, gradients, strict=True):
      # By its sign: a step that no small gradient makes harmless.
      variable.assign_sub(0.01 * tf.sign(gradient))
    return loss

  losses = [float(step()) for _ in range(60)]
  assert np.all(np.isfinite(losses))
  assert losses[-1] < losses[0] - 0.2


def test_names_of_the_bijectors():
  flow = make(models.residual, [4])
  steps = flow.bijector.bijector.bijector
  assert [b.name for b in steps.bijectors[::-1]] == [
    'act_norm_0',
    'residual_0',
    'act_norm_1',
    'residual_1',
  ]
  flow = make(models.ffjord, [4])
  steps = flow.bijector.bijector.bijector
  assert [b.name for b in steps.bijectors[::-1]] == ['act_norm_0', 'ffjord_0']


@all_models
def test_seed_decides_the_weights(model):
  one, same, other = (
    model([3], seed=seed, **SMALL[model]) for seed in (1, 1, 2)
  )
  different = False
  for a, b, c in zip(
    one.variables, same.variables, other.variables, strict=True
  ):
    np.testing.assert_array_equal(a, b)
    different |= bool(np.any(np.not_equal(a, c)))
  assert different


@all_models
@pytest.mark.parametrize(
  ('event_shape', 'options', 'message'),
  [
    ([], {}, r'`event_shape` is \[\]'),
    ([4, 0, 1], {}, r'`event_shape` is \[4, 0, 1\]'),
    ([4], {'depth': 0}, '`depth` is 0'),
    ([4], {'hidden_channels': 0}, 'the sizes of the layers are'),
  ],
)
def test_bad_input(model, event_shape, options, message):
  with pytest.raises(ValueError, match=message):
    model(event_shape, **{**SMALL[model], **options})
