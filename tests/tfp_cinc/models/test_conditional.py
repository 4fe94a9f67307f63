"""Every model given a condition."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tfp_cinc import models

SHAPE = [2, 2, 2]
LABELS = [0, 2, 1]
X = tf.random.stateless_uniform([3, *SHAPE], [0, 0]) - 0.5

OF_IMAGES = {'levels': 1, 'depth': 1}
OF_VECTORS = {'depth': 1, 'num_layers': 1}
OF_PATCHES = {'depth': 1, 'num_layers': 1, 'patch_size': 1}
OPTIONS = {
  models.autoregressive_conv: OF_IMAGES,
  models.cinc: OF_IMAGES,
  models.cinc_paper: OF_IMAGES,
  models.emerging: OF_IMAGES,
  models.ffjord: OF_VECTORS,
  models.glow: OF_IMAGES,
  models.iaf: OF_VECTORS,
  models.jet: OF_PATCHES,
  models.maf: OF_VECTORS,
  models.multiscale_flow: OF_IMAGES,
  models.nice: OF_VECTORS,
  models.periodic: OF_IMAGES,
  models.real_nvp: OF_IMAGES | {'checkerboards': 1},
  models.residual: OF_VECTORS,
  models.shift_conv: OF_IMAGES,
  models.tarflow: OF_PATCHES,
}
all_models = pytest.mark.parametrize(
  'model', OPTIONS, ids=lambda model: model.__name__
)


def build(model, **options):
  return model(
    SHAPE,
    hidden_channels=4,
    condition_channels=3,
    seed=0,
    **OPTIONS[model] | options,
  )


def moved(flow):
  """The flow, initialized from data and away from its start."""
  tfp_cinc.initialize_from_data(flow, X, LABELS)
  rng = np.random.default_rng(0)
  for variable in flow.trainable_variables:
    variable.assign_add(0.1 * rng.normal(size=variable.shape))
  return flow


def log_prob(flow):
  return flow.log_prob(tf.identity(X))


def test_all_models_are_here():
  assert {*OPTIONS} == {*models.MODELS.values()}


@all_models
def test_takes_labels(model):
  flow = moved(build(model, conditional_base=True))
  of_labels = tfp_cinc.given(flow, LABELS)
  found = log_prob(of_labels)
  others = log_prob(tfp_cinc.given(flow, [2, 1, 0]))
  assert np.all(np.abs(found - others) > 1e-4)
  np.testing.assert_allclose(
    log_prob(tfp_cinc.given(flow, LABELS[1]))[1], found[1], rtol=1e-4
  )
  samples = of_labels.sample(3, seed=[0, 1])
  latents = of_labels.bijector.inverse(tf.identity(samples))
  again = of_labels.bijector.forward(tf.identity(latents))
  np.testing.assert_allclose(again, samples, rtol=1e-3, atol=1e-3)


@all_models
def test_a_new_condition_or_base_changes_nothing(model):
  plain = model(SHAPE, hidden_channels=4, seed=0, **OPTIONS[model])
  flow = build(model)
  with_base = build(model, conditional_base=True)
  expected = log_prob(tfp_cinc.given(flow, None))
  if model in (models.maf, models.iaf, models.residual, models.ffjord):
    np.testing.assert_allclose(log_prob(plain), expected, rtol=1e-5)
  found = log_prob(tfp_cinc.given(with_base, LABELS))
  np.testing.assert_allclose(
    found, log_prob(tfp_cinc.given(flow, LABELS)), rtol=1e-5
  )


@pytest.mark.parametrize(
  'model', [models.glow, models.nice, models.residual, models.ffjord]
)
def test_frozen(model):
  flow = moved(build(model, conditional_base=True))
  expected = log_prob(tfp_cinc.given(flow, LABELS))
  frozen = tfp_cinc.freeze(tfp_cinc.given(flow, LABELS))
  for variable in flow.trainable_variables:
    variable.assign(tf.zeros_like(variable))
  np.testing.assert_allclose(log_prob(frozen), expected, rtol=1e-4)


def test_given_labels_in_a_function_once_frozen():
  flow = moved(build(models.cinc, conditional_base=True))
  frozen = tfp_cinc.freeze(flow)

  @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
  def of_labels(labels):
    return log_prob(tfp_cinc.given(frozen, labels))

  expected = log_prob(tfp_cinc.given(flow, LABELS))
  np.testing.assert_allclose(of_labels(LABELS), expected, rtol=1e-4)


@pytest.mark.parametrize('model', [models.cinc, models.real_nvp])
@pytest.mark.parametrize('memory', ['checkpoint', 'reversible'])
def test_memory_for_each_image_under_each_label(model, memory):
  flow = moved(build(model, depth=2, conditional_base=True, dtype=tf.float64))
  x = tf.Variable(tf.cast(X[:, tf.newaxis], tf.float64))
  label = tf.Variable(tf.one_hot(LABELS, 3, dtype=tf.float64))

  def gradients(flow):
    with tf.GradientTape() as tape:
      log_prob = tfp_cinc.given(flow, label).log_prob(x)
      loss = tf.reduce_sum(tf.sin(log_prob))
    return log_prob, *tape.gradient(loss, [x, label, *flow.trainable_variables])

  found = gradients(tfp_cinc.with_memory(flow, memory))
  assert found[0].shape == [3, 3]
  for ours, expected in zip(found, gradients(flow), strict=True):
    np.testing.assert_allclose(ours, expected, rtol=1e-7, atol=1e-9)


def test_bfloat16():
  flow = moved(build(models.cinc, conditional_base=True))
  exact = log_prob(tfp_cinc.given(flow, LABELS))
  for half in (
    tfp_cinc.given(tfp_cinc.with_network_dtype(flow, 'bfloat16'), LABELS),
    tfp_cinc.with_network_dtype(tfp_cinc.given(flow, LABELS), 'bfloat16'),
  ):
    found = log_prob(half)
    assert np.any(found != exact)
    np.testing.assert_allclose(found, exact, atol=0.3)
    np.testing.assert_allclose(
      log_prob(tfp_cinc.with_network_dtype(half, None)), exact, rtol=1e-6
    )


def test_bad_input():
  with pytest.raises(ValueError, match='a conditional base needs a condition'):
    models.maf([4], depth=1, conditional_base=True)
  with pytest.raises(ValueError, match='a conditional base needs a condition'):
    models.glow(SHAPE, levels=1, depth=1, conditional_base=True)
  for model in (models.maf, models.residual, models.ffjord):
    flow = build(model)
    with pytest.raises(ValueError, match=r'takes a condition vector \[3\] or'):
      tfp_cinc.given(flow, tf.zeros([3, 2, 2, 3])).log_prob(X)
    with pytest.raises(ValueError, match='condition'):
      flow.log_prob(X)
