"""Masked and inverse autoregressive flows."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc
from tfp_cinc import bijectors, models, tree

tfb = tfp.bijectors
tfd = tfp.distributions


def make(model, event_shape, condition_channels=0):
  """A small flow in float64, away from its start."""
  flow = model(
    event_shape,
    depth=2,
    hidden_channels=6,
    condition_channels=condition_channels,
    dtype=tf.float64,
  )
  rng = np.random.default_rng(0)
  for variable in flow.trainable_variables:
    variable.assign_add(0.3 * rng.normal(size=variable.shape))
  return flow


def parts(flow):
  """The bijectors by their names, and their order from event to latent."""
  chain = flow.bijector.bijector.bijector
  return {b.name: b for b in chain.bijectors[::-1]}


@pytest.mark.parametrize('kind', ['maf', 'iaf'])
def test_agrees_with_a_chain_of_tfps_bijectors(kind):
  flow = make(getattr(models, kind), [5])
  found = parts(flow)
  assert list(found) == [
    name
    for step in (0, 1)
    for name in (f'act_norm_{step}', f'{kind}_{step}', f'reverse_{step}')
  ]
  x = tf.random.stateless_normal([3, 5], [0, 0], dtype=tf.float64)
  encoder = []
  for step in (0, 1):
    norm, layer = found[f'act_norm_{step}'], found[f'{kind}_{step}']
    if kind == 'maf':
      assert isinstance(layer, bijectors.Inverse)
      layer = layer.bijector
    assert isinstance(layer, bijectors.MaskedAutoregressive)
    made = tfb.MaskedAutoregressiveFlow(layer.network)
    for ours, theirs in ((layer, made), (tfb.Invert(layer), tfb.Invert(made))):
      np.testing.assert_allclose(ours.forward(x), theirs.forward(x))
      np.testing.assert_allclose(
        ours.forward_log_det_jacobian(x, 1),
        theirs.forward_log_det_jacobian(x, 1),
      )
    encoder += [
      tfb.Scale(log_scale=norm.log_scale),
      tfb.Shift(norm.shift),
      tfb.Invert(made) if kind == 'maf' else made,
      tfb.Permute(np.arange(5)[::-1]),
    ]
  base = tfd.MultivariateNormalDiag(tf.zeros([5], tf.float64))
  expected = tfd.TransformedDistribution(
    base, tfb.Invert(tfb.Chain(encoder[::-1]))
  )
  np.testing.assert_allclose(flow.log_prob(x), expected.log_prob(x))
  z = tf.random.stateless_normal([3, 5], [0, 1], dtype=tf.float64)
  np.testing.assert_allclose(
    flow.bijector.forward(z), expected.bijector.forward(z)
  )


@pytest.mark.parametrize(
  ('model', 'cheap', 'dear'),
  [(models.maf, 'inverse', 'forward'), (models.iaf, 'forward', 'inverse')],
  ids=['maf', 'iaf'],
)
def test_which_way_takes_one_pass(model, cheap, dear):
  calls = []

  def counted(network):
    def call(*args, **kwargs):
      calls.append(network)
      return network(*args, **kwargs)

    return call

  flow = tree.map_bijectors(
    make(model, [7]), lambda bijector: bijector.map_networks(counted)
  )
  x = tf.zeros([1, 7], tf.float64)
  getattr(flow.bijector.bijector.bijector, _opposite(cheap))(x)
  assert len(calls) == 2  # one for each of two steps
  calls.clear()
  getattr(flow.bijector.bijector.bijector, _opposite(dear))(x)
  assert len(calls) >= 2 * 7


def _opposite(direction):
  """The encoder's name for a direction of the decoder."""
  return {'forward': 'inverse', 'inverse': 'forward'}[direction]


@pytest.mark.parametrize('model', [models.maf, models.iaf])
def test_conditional(model):
  flow = make(model, [2, 1, 2], condition_channels=3)
  assert tfp_cinc.conditioning.is_conditional(flow)
  labels = tf.one_hot([0, 1, 2], 3, dtype=tf.float64)
  of_labels = tfp_cinc.given(flow, labels)
  x = tf.ones([3, 2, 1, 2], tf.float64)
  log_prob = of_labels.log_prob(x)
  assert len(np.unique(np.round(log_prob, 6))) == 3
  alone = tfp_cinc.given(flow, labels[1]).log_prob(x[1])
  np.testing.assert_allclose(log_prob[1], alone)

  samples = of_labels.sample(3, seed=[0, 1])
  assert samples.shape == [3, 2, 1, 2]
  latents = of_labels.bijector.inverse(tf.identity(samples))
  again = of_labels.bijector.forward(tf.identity(latents))
  np.testing.assert_allclose(again, samples, atol=1e-10)

  kind = model.__name__
  kwargs = {f'{kind}_{i}': {'conditional_input': labels} for i in range(2)}
  np.testing.assert_allclose(flow.log_prob(x, bijector_kwargs=kwargs), log_prob)
  np.testing.assert_allclose(
    flow.sample(3, seed=[0, 1], bijector_kwargs=kwargs), samples, atol=1e-10
  )

  with tf.GradientTape() as tape:
    tape.watch(labels)
    loss = tf.reduce_sum(tfp_cinc.given(flow, labels).log_prob(x))
  variables = [*flow.trainable_variables, labels]
  assert all(np.any(g != 0) for g in tape.gradient(loss, variables))
  with pytest.raises(ValueError, match='no `conditional_input`'):
    flow.log_prob(x)


def test_given_a_condition_the_density_integrates_to_one():
  flow = make(models.maf, [2], condition_channels=2)
  line = np.linspace(-30, 30, 1201)
  grid = np.stack(np.meshgrid(line, line), axis=-1).reshape([-1, 2])
  for condition in ([0.0, 0.0], [2.0, -1.0]):
    given = tfp_cinc.given(flow, tf.constant(condition, tf.float64))
    density = np.exp(given.log_prob(grid))
    total = np.sum(density) * (line[1] - line[0]) ** 2
    np.testing.assert_allclose(total, 1, atol=1e-3)


def test_bad_condition_channels():
  with pytest.raises(ValueError, match='`condition_channels` is -1'):
    models.maf([4], condition_channels=-1)
