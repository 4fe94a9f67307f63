"""Flows of images given a label or a map."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tfp_cinc import models
from tfp_cinc.networks import ConditionedNetwork

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
  of_labels = tfp_cinc.given(flow, LABELS)
  log_prob = of_labels.log_prob(IMAGES)
  others = tfp_cinc.given(flow, tf.roll(LABELS, 1, axis=0))
  assert np.all(np.abs(log_prob - others.log_prob(IMAGES)) > 1e-3)
  one_for_all = tfp_cinc.given(flow, LABELS[1])
  np.testing.assert_allclose(
    one_for_all.log_prob(IMAGES)[1], log_prob[1], rtol=1e-5
  )
  samples = of_labels.sample(3, seed=1)
  assert samples.shape == [3, *SHAPE]
  latents = of_labels.bijector.inverse(tf.identity(samples))
  again = of_labels.bijector.forward(tf.identity(latents))
  np.testing.assert_allclose(again, samples, atol=1e-4)


def test_keyword_arguments_are_another_way_in():
  """TFP routes them by the names of the parts."""
  flow = models.maf(
    [4], depth=2, hidden_channels=8, condition_channels=3, seed=0
  )
  for variable in flow.trainable_variables:
    variable.assign_add(0.1 * tf.ones_like(variable))
  x = tf.random.stateless_normal([3, 4], [0, 0])
  kwargs = {f'maf_{i}': {'conditional_input': LABELS} for i in range(2)}
  np.testing.assert_allclose(
    flow.log_prob(x, bijector_kwargs=kwargs),
    tfp_cinc.given(flow, LABELS).log_prob(tf.identity(x)),
    rtol=1e-6,
  )


@pytest.mark.parametrize('coupling', ['quad', 'affine'])
def test_every_coupling_and_prior_is_conditional(coupling):
  """What a label says to a network is a kernel of its own in each of them."""
  flow = build(coupling=coupling)
  kernels = [v for v in flow.trainable_variables if 'kernel' in v.name]
  label = tf.Variable(LABELS)
  with tf.GradientTape() as tape:
    of_label = tfp_cinc.given(flow, label)
    loss = tf.reduce_sum(of_label.log_prob(IMAGES))
  gradients = tape.gradient(loss, [label, *kernels])
  assert all(np.any(gradient) for gradient in gradients)
  couplings = [
    bijector
    for bijector in tfp_cinc.tree.subtree(of_label)
    if isinstance(bijector, tfp_cinc.bijectors.BlockCoupling)
  ]
  assert len(couplings) == 2 * 2 + 1
  for bijector in couplings:
    networks = bijector.own_networks()
    assert all(isinstance(n, ConditionedNetwork) for n in networks)
  assert not tfp_cinc.conditioning.is_conditional(of_label)


@pytest.mark.slow
def test_gradients_of_a_label_are_the_same_however_memory_is_kept():
  results = []
  for memory in ('store', 'checkpoint', 'reversible'):
    flow = build(memory, coupling='affine', dtype=tf.float64)
    images = tf.cast(IMAGES, tf.float64)

    @tf.function(autograph=False)
    def gradient(label, flow=flow, images=images):
      with tf.GradientTape() as tape:
        tape.watch(label)
        of_label = tfp_cinc.given(flow, label)
        loss = tf.reduce_sum(of_label.log_prob(images))
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
    tfp_cinc.given(flow, condition).log_prob(tf.identity(IMAGES))
    for condition in (small, tf.repeat(tf.repeat(small, 2, 1), 2, 2), 2 * small)
  ]
  np.testing.assert_allclose(log_probs[1], log_probs[0], rtol=1e-5)
  # Smaller than the image: each pixel is repeated.
  smallest = small[:, ::2, ::2]
  found, expected = (
    tfp_cinc.given(flow, condition).log_prob(tf.identity(IMAGES))
    for condition in (smallest, tf.repeat(tf.repeat(smallest, 2, 1), 2, 2))
  )
  np.testing.assert_allclose(found, expected, rtol=1e-5)
  assert np.all(np.abs(log_probs[2] - log_probs[0]) > 1e-4)


def test_bad_input():
  flow = models.glow(SHAPE, levels=1, depth=1, hidden_channels=2)
  assert not tfp_cinc.conditioning.is_conditional(flow)
  with pytest.raises(ValueError, match='takes no condition: build it with'):
    tfp_cinc.given(flow, LABELS)
  flow = build(coupling='affine')
  assert tfp_cinc.conditioning.is_conditional(flow)
  with pytest.raises(ValueError, match='condition'):
    flow.log_prob(IMAGES)
  with pytest.raises(ValueError, match='already has a condition'):
    tfp_cinc.given(tfp_cinc.given(flow, LABELS), LABELS)
  with pytest.raises(ValueError, match=r'has shape \(3, 2\); cinc takes'):
    tfp_cinc.given(flow, LABELS[:, :2])
  with pytest.raises(ValueError, match='integer dtype, which means class'):
    tfp_cinc.given(flow, tf.zeros([3, 4, 4, 3], tf.int32))
  with pytest.raises(
    ValueError, match=r'takes class labels \[N\] of an integer'
  ):
    tfp_cinc.given(flow, [0.0, 1.0])
  with pytest.raises(ValueError, match='`condition` is complex64; it must be'):
    tfp_cinc.given(flow, tf.cast(LABELS, tf.complex64))
  with pytest.raises(ValueError, match='is conditional'):
    tfp_cinc.export_saved_model(flow, 'model', SHAPE)


def test_labels_are_one_hot_vectors():
  flow = build(coupling='affine')
  expected = tfp_cinc.given(flow, LABELS).log_prob(IMAGES)
  for labels in ([0, 2, 1], np.array([0, 2, 1], np.uint8)):
    found = tfp_cinc.given(flow, labels).log_prob(tf.identity(IMAGES))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
  one = tfp_cinc.given(flow, 2).log_prob(tf.identity(IMAGES))
  np.testing.assert_allclose(one[1], expected[1], rtol=1e-5)
  attributes = tfp_cinc.given(flow, LABELS == 1).log_prob(tf.identity(IMAGES))
  np.testing.assert_allclose(attributes, expected, rtol=1e-6)


def test_no_condition_is_zeros():
  flow = build(coupling='affine')
  np.testing.assert_array_equal(
    tfp_cinc.given(flow, None).log_prob(tf.identity(IMAGES)),
    tfp_cinc.given(flow, tf.zeros([3])).log_prob(tf.identity(IMAGES)),
  )


def test_conditions_broadcast_over_samples():
  flow = build(coupling='affine')
  images = tf.stack([IMAGES, IMAGES[::-1]])
  labels = [0, 2, 1]
  rows = [tfp_cinc.given(flow, labels).log_prob(row) for row in images]
  # Labels for each image of each row, and the same labels for all rows.
  for batch in (labels, [labels, labels]):
    of_labels = tfp_cinc.given(flow, batch)
    found = of_labels.log_prob(tf.identity(images))
    np.testing.assert_allclose(found, rows, rtol=1e-5)
    assert of_labels.sample([2, 3]).shape == [2, 3, *SHAPE]
  each = tfp_cinc.given(flow, labels)  # of each image under each label
  found = each.log_prob(IMAGES[:, tf.newaxis])
  np.testing.assert_allclose(tf.linalg.diag_part(found), rows[0], rtol=1e-5)
  assert each.sample([2, 1]).shape == [2, 3, *SHAPE]  # of the same latents
  vectors = models.maf(
    [4], depth=1, hidden_channels=4, condition_channels=3, seed=0
  )
  assert tfp_cinc.given(vectors, [labels, labels]).sample([2, 3]).shape == [
    2,
    3,
    4,
  ]


def test_labels_inside_a_function():
  flow = build(coupling='affine')

  @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
  def log_prob(labels):
    return tfp_cinc.given(flow, labels).log_prob(IMAGES)

  expected = tfp_cinc.given(flow, LABELS).log_prob(tf.identity(IMAGES))
  np.testing.assert_allclose(log_prob([0, 2, 1]), expected, rtol=1e-5)
  message = 'means class labels; the labels of cinc are 0 to 2'
  for labels in ([0, 3, 1], [0, -1, 1]):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
      log_prob(labels)
    with pytest.raises(ValueError, match=f'{message}.* the label {labels[1]}'):
      tfp_cinc.given(flow, labels)


def test_a_variable_stays_the_condition():
  flow = build()
  label = tf.Variable(LABELS)
  of_label = tfp_cinc.given(flow, label)
  with tf.GradientTape() as tape:
    before = of_label.log_prob(tf.identity(IMAGES))
  assert np.any(tape.gradient(before, label))
  label.assign(tf.roll(LABELS, 1, axis=0))
  after = of_label.log_prob(tf.identity(IMAGES))
  assert np.all(np.abs(after - before) > 1e-3)


@pytest.mark.slow
def test_is_exported_for_one_condition(tmp_path):
  flow = build()
  with pytest.raises(ValueError, match='which has a batch dimension'):
    tfp_cinc.export_saved_model(
      tfp_cinc.given(flow, LABELS), tmp_path / 'model', SHAPE
    )
  one = tfp_cinc.given(flow, LABELS[0])
  tfp_cinc.export_saved_model(one, tmp_path / 'model', SHAPE)
  model = tf.saved_model.load(str(tmp_path / 'model'))
  found = model.signatures['log_prob_values'](values=IMAGES)['log_prob']
  np.testing.assert_allclose(found, one.log_prob(IMAGES), rtol=1e-4)
