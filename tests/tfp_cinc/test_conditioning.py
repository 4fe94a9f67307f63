"""Flows of images given a label or a map."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tfp_cinc import models

SHAPE = [4, 4, 2]
LABELS = tf.one_hot([0, 2, 1], 3)
IMAGES = tf.random.stateless_uniform([3, *SHAPE], [0, 0]) - 0.5


def build(memory='store', **options):
  flow = models.cinc(
    SHAPE,
    levels=2,
    depth=2,
    hidden_channels=4,
    condition_channels=3,
    memory=memory,
    seed=0,
    **options,
  )
  tfp_cinc.initialize_from_data(flow, IMAGES, LABELS)
  rng = np.random.default_rng(0)
  for variable in flow.trainable_variables:
    variable.assign_add(0.1 * rng.normal(size=variable.shape))
  return flow


def test_density_samples_and_latents_depend_on_the_label():
  flow = build()
  kwargs = tfp_cinc.condition_on(flow, LABELS)
  others = tfp_cinc.condition_on(flow, tf.roll(LABELS, 1, axis=0))
  log_prob = flow.log_prob(IMAGES, bijector_kwargs=kwargs)
  other = flow.log_prob(tf.identity(IMAGES), bijector_kwargs=others)
  assert np.all(np.abs(log_prob - other) > 1e-3)
  alone = tfp_cinc.condition_on(flow, LABELS[1])  # one for all
  np.testing.assert_allclose(
    flow.log_prob(tf.identity(IMAGES), bijector_kwargs=alone)[1],
    log_prob[1],
    rtol=1e-5,
  )
  samples = flow.sample(3, seed=1, bijector_kwargs=kwargs)
  assert samples.shape == [3, *SHAPE]
  latents = flow.bijector.inverse(tf.identity(samples), **kwargs)
  again = flow.bijector.forward(tf.identity(latents), **kwargs)
  np.testing.assert_allclose(again, samples, atol=1e-4)


@pytest.mark.parametrize('coupling', ['quad', 'affine'])
def test_every_coupling_and_prior_is_conditional(coupling):
  """What a label says to a network is a kernel of its own in each of them."""
  flow = build(coupling=coupling)
  kernels = [v for v in flow.trainable_variables if 'kernel' in v.name]
  label = tf.Variable(LABELS)
  with tf.GradientTape() as tape:
    kwargs = tfp_cinc.condition_on(flow, label)
    loss = tf.reduce_sum(flow.log_prob(IMAGES, bijector_kwargs=kwargs))
  gradients = tape.gradient(loss, [label, *kernels])
  assert all(np.any(gradient) for gradient in gradients)
  couplings = sum(
    isinstance(m, tfp_cinc.BlockCoupling) for m in flow.submodules
  )
  found = tf.nest.flatten(kwargs)
  assert len(found) == couplings == 2 * 2 + 1


def test_gradients_of_a_label_are_the_same_however_memory_is_kept():
  results = []
  for memory in ('store', 'checkpoint', 'reversible'):
    flow = build(memory, coupling='affine', dtype=tf.float64)
    images = tf.cast(IMAGES, tf.float64)

    @tf.function(autograph=False)
    def gradient(label, flow=flow, images=images):
      with tf.GradientTape() as tape:
        tape.watch(label)
        kwargs = tfp_cinc.condition_on(flow, label)
        loss = tf.reduce_sum(flow.log_prob(images, bijector_kwargs=kwargs))
      return tape.gradient(loss, label)

    results.append(gradient(tf.cast(LABELS, tf.float64)))
  np.testing.assert_allclose(results[1], results[0], rtol=1e-9)
  np.testing.assert_allclose(results[2], results[0], rtol=1e-8)


def test_a_map_is_a_condition():
  flow = models.real_nvp(
    SHAPE,
    levels=1,
    depth=1,
    checkerboards=1,
    hidden_channels=4,
    condition_channels=1,
    seed=0,
  )
  for variable in flow.trainable_variables:
    variable.assign_add(0.1 * tf.ones_like(variable))
  small = tf.random.stateless_uniform([3, 4, 4, 1], [1, 0])
  log_probs = [
    flow.log_prob(
      tf.identity(IMAGES), bijector_kwargs=tfp_cinc.condition_on(flow, given)
    )
    for given in (small, tf.repeat(tf.repeat(small, 2, 1), 2, 2), 2 * small)
  ]
  np.testing.assert_allclose(log_probs[1], log_probs[0], rtol=1e-5)
  assert np.all(np.abs(log_probs[2] - log_probs[0]) > 1e-4)


def test_bad_input():
  flow = models.glow(SHAPE, levels=1, depth=1, hidden_channels=2)
  assert not tfp_cinc.is_conditional(flow)
  with pytest.raises(ValueError, match='takes no condition: build it with'):
    tfp_cinc.condition_on(flow, LABELS)
  flow = build(coupling='affine')
  assert tfp_cinc.is_conditional(flow)
  with pytest.raises(ValueError, match='condition'):
    flow.log_prob(IMAGES)
  with pytest.raises(ValueError, match='is conditional'):
    tfp_cinc.export_saved_model(flow, 'model', SHAPE)
