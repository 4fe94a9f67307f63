"""Gradients that recompute activations, where they are easily lost."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_cinc
from tfp_cinc import bijectors, networks

tfb = tfp.bijectors

MEMORY = ('store', 'checkpoint', 'reversible')


def gradient(chain, x, variables, run=tf.reduce_sum):
  """The gradient of a sum of squares and of the log-det."""
  with tf.GradientTape() as tape:
    y, log_det = chain.forward_and_log_det(x)
    loss = run(y**2) - tf.reduce_sum(log_det)
  return [tf.convert_to_tensor(g) for g in tape.gradient(loss, variables)]


def assert_same(results):
  for result in results[1:]:
    for found, expected in zip(result, results[0], strict=True):
      assert np.any(expected != 0)
      np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('kind', ['loop', 'map', 'cond'])
def test_control_flow_of_graphs(kind):
  variable = tf.Variable([1.0, 2.0, 3.0])
  x = tf.random.stateless_normal([5, 3], [0, 0])
  results = []
  for memory in MEMORY:
    chain = bijectors.Chain([tfb.Scale(variable), tfb.Sinh()], memory)

    def loss(x, chain=chain):
      return tf.reduce_sum(chain.forward(x) ** 2)

    @tf.function(autograph=False)
    def compute(x, loss=loss):
      with tf.GradientTape() as tape:
        if kind == 'loop':
          total = tf.while_loop(
            lambda i, _: i < 5,
            lambda i, total: [i + 1, total + loss(x[i : i + 1])],
            [0, 0.0],
          )[1]
        elif kind == 'map':
          total = tf.reduce_sum(tf.map_fn(loss, x))
        else:
          total = tf.cond(x[0, 0] < 9.0, lambda: loss(x), lambda: 0.0)
      return tape.gradient(total, [variable])

    results.append(compute(x))
  assert_same(results)


def keras_network():
  network = tf_keras.Sequential([tf_keras.layers.Conv2D(4, 1)])
  network.build([None, 4, 4, 2])
  return network


@pytest.mark.parametrize('in_graph', [False, True])
def test_a_keras_network_in_two_parts(in_graph):
  network = keras_network()
  variables = network.trainable_variables
  layers = [
    bijectors.AffineCoupling(network),
    bijectors.ReverseChannels(),
    bijectors.AffineCoupling(network),
  ]
  x = tf.random.stateless_normal([2, 4, 4, 4], [0, 0])
  results = []
  for memory in MEMORY:
    chain = bijectors.Chain(layers, memory)

    def run(x, chain=chain):
      return gradient(chain, x, variables)

    results.append((tf.function(run, autograph=False) if in_graph else run)(x))
  assert_same(results)


class Plain(networks.ImageNetwork):
  """A conditional network that is no composite tensor."""

  def __init__(self):
    super().__init__(2, condition_channels=3)
    self.conv = networks.trainable_conv2d(5, 4, 1, seed=0)

  def _apply(self, x):
    return self.conv(x)


def test_a_plain_network_under_a_condition():
  network = Plain()
  chain = bijectors.Chain([bijectors.AffineCoupling(network)])
  chain = tfp_cinc.given(chain, tf.one_hot([0, 2], 3))
  variables = network.trainable_variables
  assert len(chain.trainable_variables) == len(variables) == 2
  exact = tfp_cinc.with_network_dtype(chain, 'float32')
  assert len(exact.trainable_variables) == 2
  x = tf.random.stateless_normal([2, 4, 4, 4], [0, 0])
  assert_same(
    [
      gradient(tfp_cinc.with_memory(chain, memory), x, variables)
      for memory in MEMORY
    ]
  )
  frozen = tfp_cinc.freeze(chain, [4, 4, 4])
  before = frozen.forward(tf.identity(x))
  for variable in variables:
    variable.assign_add(tf.ones_like(variable))
  np.testing.assert_array_equal(frozen.forward(tf.identity(x)), before)


def test_a_masked_autoregressive_flow_of_tfp():
  network = tfb.AutoregressiveNetwork(
    params=2,
    event_shape=[3],
    hidden_units=[4],
    conditional=True,
    conditional_event_shape=[2],
  )
  theirs = tfb.MaskedAutoregressiveFlow(network)
  x = tf.random.stateless_normal([5, 3], [0, 0])
  condition = tf.random.stateless_normal([5, 2], [0, 1])
  expected = theirs.inverse(x, conditional_input=condition)
  chain = tfp_cinc.given(
    bijectors.Chain([tfb.Invert(theirs)]), tf.Variable(condition)
  )
  np.testing.assert_allclose(chain.forward(x), expected, rtol=1e-5)
  variables = chain.trainable_variables
  assert len(variables) == 1 + len(network.trainable_variables) > 4
  assert_same(
    [
      gradient(tfp_cinc.with_memory(chain, memory), x, variables)
      for memory in MEMORY
    ]
  )


def test_a_variable_that_is_not_found_is_refused():
  hidden = tf.Variable(tf.ones([2, 4]))
  chain = bijectors.Chain(
    [bijectors.AffineCoupling(lambda x: x @ hidden)], 'reversible'
  )
  with pytest.raises(ValueError, match='is not among its `variables`'):
    gradient(chain, tf.ones([1, 2, 2, 4]), [hidden])


def test_there_are_no_second_derivatives_of_reversible_chains():
  chain = bijectors.Chain(
    [tfb.Sinh(), tfb.Scale(tf.Variable([2.0]))], 'reversible'
  )
  x = tf.ones([1, 1])
  with tf.GradientTape() as outer:
    outer.watch(x)
    with tf.GradientTape() as tape:
      tape.watch(x)
      y = chain.forward(x)
    dx = tape.gradient(y, x)
  with pytest.raises(LookupError, match='second derivatives'):
    outer.gradient(dx, x)


@pytest.mark.parametrize('memory', MEMORY)
def test_xla_compiles_alike_parts(memory):
  layers = [bijectors.trainable_cinc_conv2d(2, seed=i) for i in range(3)]
  chain = bijectors.Chain(layers, memory)
  x = tf.random.stateless_normal([2, 4, 4, 2], [0, 0])

  def compute(x):
    found = gradient(chain, x, chain.trainable_variables)
    return [chain.inverse(tf.identity(x)), *found]

  compiled = tf.function(compute, jit_compile=True, autograph=False)
  for found, expected in zip(compiled(x), compute(x), strict=True):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('memory', MEMORY)
def test_keyword_arguments_of_a_chain_that_a_graph_rebuilds(memory):
  def step(i):
    network = networks.trainable_glow_network(
      2, 4, hidden_channels=4, condition_channels=3, seed=i
    )
    layers = [bijectors.AffineCoupling(network), bijectors.ReverseChannels()]
    return bijectors.Chain(layers, name=f'step_{i}')

  chain = bijectors.Chain([step(0), step(1)], memory)
  labels = tf.one_hot([0, 2], 3)
  kwargs = {
    f'step_{i}': {'affine_coupling': {'condition': labels}} for i in (0, 1)
  }
  x = tf.random.stateless_normal([2, 4, 4, 4], [0, 0])

  @tf.function(autograph=False)
  def forward(chain, x):
    return chain.forward(x, **kwargs)

  np.testing.assert_allclose(
    forward(chain, x), chain.forward(x, **kwargs), rtol=1e-6
  )


def test_log_dets_of_parameters_that_broadcast():
  scale = tfb.Scale(tf.reshape(tf.range(1.0, 6.0), [5, 1]))
  layers = [scale, tfb.ScaleMatvecDiag(tf.ones(3))]
  x = tf.ones([5, 3])
  np.testing.assert_allclose(
    bijectors.Chain(layers).forward_log_det_jacobian(x, 1),
    tfb.Chain(layers).forward_log_det_jacobian(x, 1),
    rtol=1e-6,
  )
