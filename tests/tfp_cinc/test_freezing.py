import collections
import concurrent.futures

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_cinc

tfb, tfd = tfp.bijectors, tfp.distributions


def make_flow(**options):
  flow = tfp_cinc.models.cinc(
    [8, 8, 2],
    levels=2,
    depth=2,
    hidden_channels=8,
    layers='one_by_one+cinc+emerging+autoregressive+periodic',
    diagonal_block='plu',
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


def test_a_frozen_flow_is_the_same_without_inverting_matrices():
  flow, solves = make_flow(), ('MatrixTriangularSolve', 'MatrixSolve')
  number = len(flow.variables)
  latents = flow.distribution.sample(3, seed=[0, 0])
  images = flow.bijector.forward(latents)
  log_prob = flow.log_prob(tf.identity(images))
  decode = tf.function(lambda z: flow.bijector.forward(z))
  found = operations(decode, latents)
  assert all(found[name] for name in solves)

  frozen = tfp_cinc.freeze(flow)
  decode = tf.function(lambda z: frozen.bijector.forward(z))
  found = operations(decode, latents)
  assert not any(found[name] for name in (*solves, 'MatrixInverse'))
  np.testing.assert_allclose(decode(latents), images, atol=3e-5)
  np.testing.assert_allclose(
    frozen.bijector.forward(tf.identity(latents)), images, atol=3e-5
  )
  np.testing.assert_allclose(
    frozen.log_prob(tf.identity(images)), log_prob, rtol=1e-5
  )
  assert not frozen.variables
  assert len(flow.variables) == number


def test_a_frozen_flow_stays_as_it_is_when_weights_change():
  flow = make_flow()
  frozen = tfp_cinc.freeze(flow)
  images = tf.identity(frozen.sample(2, seed=[0, 0]))
  before = frozen.log_prob(tf.identity(images))
  for variable in flow.trainable_variables:
    variable.assign(0.9 * variable)
  np.testing.assert_array_equal(frozen.log_prob(tf.identity(images)), before)
  assert np.any(np.abs(flow.log_prob(tf.identity(images)) - before) > 1e-3)
  again = tfp_cinc.freeze(flow).log_prob(tf.identity(images))
  np.testing.assert_allclose(again, flow.log_prob(images), rtol=1e-5)


def test_images_have_gradients_in_a_frozen_flow():
  flow = make_flow()
  latents = flow.distribution.sample(2, seed=[0, 0])

  def gradient(flow):
    z = tf.identity(latents)
    with tf.GradientTape() as tape:
      tape.watch(z)
      value = tf.reduce_sum(flow.bijector.forward(z) ** 2)
    return tape.gradient(value, z)

  np.testing.assert_allclose(
    gradient(tfp_cinc.freeze(flow)), gradient(flow), rtol=1e-3, atol=1e-4
  )


def test_a_conditional_flow_is_frozen_before_or_after_its_condition():
  flow = make_flow(condition_channels=2)
  condition = tf.constant([[0.0, 1.0]])
  latents = flow.distribution.sample(1, seed=[0, 0])
  images = tfp_cinc.given(flow, condition).bijector.forward(latents)
  for frozen in (
    tfp_cinc.given(tfp_cinc.freeze(flow), condition),
    tfp_cinc.freeze(tfp_cinc.given(flow, condition)),
  ):
    found = frozen.bijector.forward(tf.identity(latents))
    np.testing.assert_allclose(found, images, atol=3e-5)


def test_a_layer_is_frozen_for_one_size_of_images():
  layer = tfp_cinc.bijectors.trainable_cinc_conv2d(2, seed=0)
  with pytest.raises(ValueError, match='pass `event_shape`'):
    tfp_cinc.freeze(layer)
  frozen = tfp_cinc.freeze(layer, event_shape=[5, 6, 2])
  y = tf.random.stateless_normal([3, 5, 6, 2], [0, 0])
  np.testing.assert_allclose(
    frozen.inverse(tf.identity(y)), layer.inverse(tf.identity(y)), atol=1e-6
  )
  assert not frozen.variables


@pytest.mark.slow
@pytest.mark.parametrize('in_graph', [False, True])
def test_threads_freeze_and_sample_together(in_graph):
  """Each gets the bits that it would have got alone."""
  flow = make_flow()

  def sample(number):
    frozen = tfp_cinc.freeze(flow)
    draw = lambda seed: frozen.sample(2, seed=seed)  # noqa: E731
    draw = tf.function(draw, autograph=False) if in_graph else draw
    found = draw(tf.constant([number, 0]))
    return found.numpy(), frozen.log_prob(tf.identity(found)).numpy()

  number = 8 if in_graph else 16
  expected = [sample(i) for i in range(number)]
  with concurrent.futures.ThreadPoolExecutor(8) as pool:
    found = list(pool.map(sample, range(number)))
  for ours, alone in zip(found, expected, strict=True):
    np.testing.assert_array_equal(ours[0], alone[0])
    np.testing.assert_array_equal(ours[1], alone[1])


def keras_flow():
  """A flow whose coupling network is no composite tensor."""
  network = tf_keras.Sequential([tf_keras.layers.Conv2D(4, 1)])
  network.build([None, 4, 4, 2])
  coupling = tfp_cinc.bijectors.AffineCoupling(network)
  chain = tfp_cinc.bijectors.Chain([coupling, tfb.Scale(tf.Variable(2.0))])
  base = tfd.Sample(tfd.Normal(0.0, 1.0), [4, 4, 4])
  return tfd.TransformedDistribution(base, tfb.Invert(chain)), network


def test_a_network_of_keras_is_frozen_and_exported(tmp_path):
  flow, network = keras_flow()
  images = tf.random.stateless_uniform([2, 4, 4, 4], [0, 0]) - 0.5
  before = flow.log_prob(images)
  frozen = tfp_cinc.freeze(flow)
  tfp_cinc.export_saved_model(flow, tmp_path / 'model', [4, 4, 4])
  for variable in network.trainable_variables:
    variable.assign_add(tf.ones_like(variable))
  assert np.any(np.abs(flow.log_prob(tf.identity(images)) - before) > 0.1)
  np.testing.assert_allclose(frozen.log_prob(images), before, rtol=1e-6)
  model = tf.saved_model.load(str(tmp_path / 'model'))
  found = model.signatures['log_prob_values'](values=images)['log_prob']
  np.testing.assert_allclose(found, before, rtol=1e-5)


def test_a_trained_base_is_frozen_too():
  loc = tf.Variable(0.0)
  flow = tfd.TransformedDistribution(
    tfd.Sample(tfd.Normal(loc, 1.0), [4, 4, 2]),
    tfb.Invert(tfp_cinc.bijectors.trainable_act_norm(2)),
  )
  x = tf.ones([1, 4, 4, 2])
  frozen = tfp_cinc.freeze(flow)
  before = frozen.log_prob(tf.identity(x))
  loc.assign(3.0)
  np.testing.assert_array_equal(frozen.log_prob(tf.identity(x)), before)
  assert np.any(flow.log_prob(x) != before)
