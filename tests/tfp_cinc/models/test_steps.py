"""Options of the steps that change from layer to layer or share networks."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tfp_cinc import models, tree


def make_flow(depth, dtype=tf.float64, levels=1, **options):
  """A flow with variables away from where they start."""
  flow = models.cinc(
    [8, 8, 1],
    levels=levels,
    depth=depth,
    hidden_channels=12,
    padding='in_turn',
    seed=0,
    dtype=dtype,
    **options,
  )
  rng = np.random.default_rng(0)
  for variable in flow.trainable_variables:
    change = 0.05 * rng.normal(size=variable.shape)
    variable.assign_add(tf.cast(change, dtype))
  return flow


def paddings(flow):
  """Those of the causal convolutions, in the order of the image."""
  bijectors = [layer.bijector for layer in tree.layers(flow)]
  return [b.padding for b in bijectors if hasattr(b, 'padding')]


def test_paddings_in_turn():
  turns = ['top_left', 'bottom_right', 'top_right', 'bottom_left']
  flow = make_flow(5, layers='one_by_one+cinc')
  assert paddings(flow) == [*turns, 'top_left']
  flow = make_flow(1, layers='cinc+autoregressive+cinc', levels=2)
  assert paddings(flow) == [*turns, *turns[:2]]
  flow = models.cinc([4, 4, 1], levels=1, depth=2, padding='top_right')
  assert paddings(flow) == ['top_right'] * 2
  with pytest.raises(ValueError, match="did you mean 'in_turn'"):
    models.cinc([8, 8, 1], padding='inturn')


def test_a_pixel_sees_all_around_it_through_two_steps():
  """Each latent of an 8x8 image's 4x4 pixels reads its eight neighbours."""

  def reads(**options):
    # Networks start at zero: nothing but the causal convolutions mixes pixels.
    flow = models.cinc(
      [8, 8, 1],
      levels=1,
      depth=2,
      hidden_channels=4,
      seed=0,
      dtype=tf.float64,
      **options,
    )
    x = tf.Variable(tf.zeros([1, 8, 8, 1], tf.float64))
    with tf.GradientTape() as tape:
      latent = tf.reduce_sum(flow.bijector.inverse(x)[0, 4:6, 4:6])
    slopes = tape.gradient(latent, x)[0, :, :, 0]
    return tf.reduce_any(
      tf.reshape(slopes != 0, [4, 2, 4, 2]), axis=[1, 3]
    ).numpy()

  assert np.all(reads(padding='in_turn')[1:4, 1:4])
  expected = np.zeros([4, 4], bool)
  expected[:3, :3] = True
  np.testing.assert_array_equal(reads(padding='top_left'), expected)


def images(dtype):
  return tf.random.stateless_uniform([4, 8, 8, 1], [0, 0], -0.5, 0.5, dtype)


def gradients(memory):
  """Those of a flow of five steps, the outer two of which share a trace."""
  flow = make_flow(5, network='shared', memory=memory, condition_channels=2)

  @tf.function(autograph=False)
  def compute(x, condition):
    with tf.GradientTape() as tape:
      tape.watch(condition)
      loss = tf.reduce_mean(tfp_cinc.given(flow, condition).log_prob(x))
    return tape.gradient(loss, [condition, *flow.trainable_variables])

  return compute(images(tf.float64), tf.constant([[0.3, -0.5]], tf.float64))


@pytest.mark.slow
def test_gradients_are_the_same_whatever_memory_they_take():
  one, *others = map(gradients, ('store', 'checkpoint', 'reversible'))
  assert all(map(np.any, one))
  for other in others:
    for ours, theirs in zip(other, one, strict=True):
      np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.slow
def test_served_and_frozen(tmp_path):
  flow = make_flow(4, tf.float32, network='shared')
  tfp_cinc.initialize_from_data(flow, images(tf.float32))
  latents = flow.bijector.inverse(images(tf.float32))
  expected = images(tf.float32)
  frozen = tfp_cinc.freeze(flow)
  decode = tf.function(frozen.bijector.forward, autograph=False)
  np.testing.assert_allclose(decode(latents), expected, atol=1e-5)
  tfp_cinc.export_saved_model(flow, tmp_path / 'model', [8, 8, 1])
  decode = tf.saved_model.load(str(tmp_path / 'model')).signatures['decode']
  values = decode(latents=tf.reshape(latents, [4, 64]))['values']
  np.testing.assert_allclose(values, expected, atol=1e-5)
