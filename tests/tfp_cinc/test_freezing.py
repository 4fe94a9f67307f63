import collections

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc

tfb, tfd = tfp.bijectors, tfp.distributions


def make_flow(**options):
  flow = tfp_cinc.models.cinc(
    [8, 8, 2],
    levels=2,
    depth=2,
    hidden_channels=8,
    layers='one_by_one+cinc+emerging+autoregressive+periodic',
    corner='plu',
    seed=0,
    **options,
  )
  # ActNorm is set from images.
  condition = {'condition': tf.ones([1, 2])} if options else {}
  images = tf.random.stateless_uniform([8, 8, 8, 2], [0, 0], -0.5, 0.5)
  tfp_cinc.initialize_from_data(flow, images, **condition)
  for number, variable in enumerate(flow.trainable_variables):
    noise = tf.random.stateless_normal(variable.shape, [number, 1])
    variable.assign_add(0.05 * noise)
  return flow


def operations(function, *args):
  graph = function.get_concrete_function(*args).graph.as_graph_def()
  nodes = [graph.node, *(f.node_def for f in graph.library.function)]
  return collections.Counter(node.op for part in nodes for node in part)


def test_frozen_weights_give_the_same_without_inverting_matrices():
  flow, solves = make_flow(), ('MatrixTriangularSolve', 'MatrixSolve')
  number = len(flow.variables)
  latents = flow.distribution.sample(3, seed=[0, 0])
  images = flow.bijector.forward(latents)
  log_prob = flow.log_prob(tf.identity(images))
  thawed = tf.function(lambda z: flow.bijector.forward(z))
  found = operations(thawed, latents)
  assert all(found[name] for name in solves)

  with tfp_cinc.frozen_weights(flow):
    decode = tf.function(lambda z: flow.bijector.forward(z))
    found = operations(decode, latents)
    assert not any(found[name] for name in (*solves, 'MatrixInverse'))
    np.testing.assert_allclose(decode(latents), images, atol=3e-5)
    np.testing.assert_allclose(
      flow.bijector.forward(tf.identity(latents)), images, atol=3e-5
    )
    np.testing.assert_allclose(
      flow.log_prob(tf.identity(images)), log_prob, rtol=1e-5
    )
    assert len(flow.variables) > number
  assert len(flow.variables) == number


def test_weights_are_frozen_again_and_eager_calls_come_between():
  flow = make_flow()
  latents = flow.distribution.sample(3, seed=[0, 0])
  images = flow.bijector.forward(tf.identity(latents))
  log_prob = flow.log_prob(tf.identity(images))
  for number in (3, 2):
    with tfp_cinc.frozen_weights(flow):
      # Traced anew each time, and what it keeps is added to in between.
      for _ in range(2):
        decode = tf.function(lambda z: flow.bijector.forward(z))
        np.testing.assert_allclose(
          decode(latents[:number]), images[:number], atol=3e-5
        )
        np.testing.assert_allclose(
          flow.log_prob(tf.identity(images)), log_prob, rtol=1e-5
        )


def test_a_part_that_keeps_more_than_its_peers():
  layers = [tfp_cinc.trainable_cinc_conv2d(2, seed=seed) for seed in range(3)]
  chain = tfp_cinc.ReversibleChain(layers)
  base = tfd.Sample(tfd.Normal(0.0, 1.0), [4, 4, 2])
  flow = tfd.TransformedDistribution(base, tfb.Invert(chain))
  latents = flow.distribution.sample(2, seed=[0, 0])
  expected = tf.function(lambda z: chain.inverse(z))(latents)
  with tfp_cinc.frozen_weights(flow):
    layers[1].inverse(tf.ones([1, 6, 6, 2]))  # matrices of another size too
    found = tf.function(lambda z: chain.inverse(z))(latents)
  np.testing.assert_allclose(found, expected, atol=3e-5)


def test_what_is_kept_for_others_is_let_go_too():
  flow = make_flow()
  layer = tfp_cinc.trainable_one_by_one_conv2d(2, seed=0)
  x = tf.random.stateless_normal([1, 2, 2, 2], [0, 0])
  number = len(layer.variables)
  with tfp_cinc.frozen_weights(flow):
    layer.inverse(x)
    assert len(layer.variables) > number
    with tfp_cinc.frozen_weights(flow):
      layer.inverse(tf.identity(x))
    assert len(layer.variables) > number
  assert len(layer.variables) == number


def test_frozen_weights_are_thawed_after_an_error():
  flow = make_flow()
  number = len(flow.variables)
  with pytest.raises(KeyError), tfp_cinc.frozen_weights(flow):
    raise KeyError
  for variable in flow.trainable_variables:
    variable.assign(0.9 * variable)
  assert len(flow.variables) == number
  # What was kept of the weights before is not used.
  latents = flow.distribution.sample(2, seed=[0, 0])
  images = tf.identity(flow.bijector.forward(latents))
  np.testing.assert_allclose(flow.bijector.inverse(images), latents, atol=1e-3)


def test_images_have_gradients_within_frozen_weights():
  flow = make_flow()
  latents = flow.distribution.sample(2, seed=[0, 0])

  def gradient(latents):
    with tf.GradientTape() as tape:
      tape.watch(latents)
      value = tf.reduce_sum(flow.bijector.forward(latents) ** 2)
    return tape.gradient(value, latents)

  expected = gradient(tf.identity(latents))
  with tfp_cinc.frozen_weights(flow):
    found = gradient(tf.identity(latents))
  np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_a_conditional_flow_is_frozen_with_any_condition():
  flow = make_flow(condition_channels=2)
  condition = tf.constant([[0.0, 1.0]])
  kwargs = tfp_cinc.condition_on(flow, condition)
  latents = flow.distribution.sample(1, seed=[0, 0])
  images = flow.bijector.forward(latents, **kwargs)
  for any_condition in (tf.zeros([2]), tf.zeros([3, 2])):
    with tfp_cinc.frozen_weights(flow, any_condition):
      found = flow.bijector.forward(tf.identity(latents), **kwargs)
    np.testing.assert_allclose(found, images, atol=3e-5)
