"""What is special to ReversibleChain, beside the conformance set."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_cinc
from tfp_cinc import networks

tfb = tfp.bijectors


def make_layers(depth, dtype, network_dtype=None):
  layers = []
  for i in range(depth):
    network = networks.glow_network(
      2,
      4,
      hidden_channels=4,
      seed=i,
      dtype=dtype,
      network_dtype=network_dtype,
    )
    layers += [
      tfp_cinc.AffineCoupling(network, dtype=dtype),
      tfp_cinc.trainable_cinc_conv2d(4, 2, seed=i, dtype=dtype),
      tfp_cinc.trainable_one_by_one_conv2d(4, seed=i, dtype=dtype),
    ]
  rng = np.random.default_rng(0)
  for layer in layers:
    for variable in layer.trainable_variables:
      variable.assign_add(0.05 * rng.normal(size=variable.shape))
  return layers


def gradients(chain, x, variables):
  spec = tf.TensorSpec([None, *x.shape[1:]], x.dtype)

  @tf.function(autograph=False, input_signature=[spec])
  def compute(x):
    with tf.GradientTape() as tape:
      tape.watch(x)
      y = chain.forward(x)
      log_det = chain.forward_log_det_jacobian(x, 3)
      loss = tf.reduce_mean(tf.reduce_sum(y**2, [1, 2, 3]) - log_det)
    return tape.gradient(loss, [x, *variables])

  return compute(x)


@pytest.mark.parametrize(
  ('dtype', 'network_dtype', 'tolerance'),
  [
    (tf.float32, None, 1e-3),
    (tf.float64, None, 1e-9),
    (tf.float32, tf.bfloat16, 0.1),
  ],
)
def test_gradients_at_depth_32(dtype, network_dtype, tolerance):
  """The relative error of the gradient of a chain of 96 layers."""
  layers = make_layers(32, dtype, network_dtype)
  x = tf.random.stateless_normal([2, 2, 2, 4], [0, 0], dtype=dtype)
  # One by one, so that what alike layers share is checked too.
  plain = tfb.Chain(layers)
  variables = plain.trainable_variables
  assert len(variables) == 32 * 12
  expected = gradients(plain, x, variables)
  for memory in ('store', 'checkpoint', 'reversible'):
    chain = tfp_cinc.ReversibleChain(layers, memory)
    assert len(chain.trainable_variables) == 32 * 12
    for right, actual in zip(
      expected, gradients(chain, x, variables), strict=True
    ):
      error = tf.norm(actual - right)
      assert error <= tolerance * tf.norm(right) + tolerance * 1e-3


class Counted(tf.Module):
  """A network that counts, for all of its kind, how often it is called."""

  calls = 0

  def __init__(self):
    super().__init__()
    self.weight = tf.Variable(tf.ones([2, 4]))

  def __call__(self, x):
    Counted.calls += 1
    return x @ self.weight


def test_alike_layers_are_traced_once():
  layers = [tfp_cinc.AffineCoupling(Counted()) for _ in range(6)]
  for i, layer in enumerate(layers):
    layer.networks[0].weight.assign_add(0.1 * i * tf.ones([2, 4]))
  other = tfp_cinc.AffineCoupling(Counted(), 'exp')
  chain = tfp_cinc.ReversibleChain([*layers[:3], other, *layers[3:]], 'store')
  x = tf.random.stateless_normal([2, 2, 2, 4], [0, 0])
  Counted.calls = 0
  y = tf.function(chain.forward)(x)
  assert Counted.calls == 2  # the six and the other
  np.testing.assert_allclose(y, chain.forward(tf.identity(x)), rtol=1e-5)
  layers[4].networks[0].weight.assign(tf.zeros([2, 4]))
  assert np.any(np.abs(y - tf.function(chain.forward)(x)) > 1e-3)


def test_a_variable_that_is_not_found_is_refused():
  hidden = tf.Variable(tf.ones([2, 4]))

  class Hiding(tf.Module):
    def __call__(self, x):
      return x @ hidden

  class Seen(Hiding):
    def __init__(self):
      super().__init__()
      self.weight = tf.Variable(1.0)

  layers = [tfp_cinc.AffineCoupling(Seen()) for _ in range(2)]
  chain = tfp_cinc.ReversibleChain(layers)
  with pytest.raises(RuntimeError, match='is not among its `variables`'):
    tf.function(chain.forward)(tf.ones([1, 2, 2, 4]))


class Conditioned(tf.Module):
  """A network that adds a condition to its input."""

  def __init__(self):
    super().__init__()
    self.weight = tf.Variable(tf.ones([2, 4], tf.float64))

  def __call__(self, x, label):
    return tf.tanh(x + label) @ self.weight


def test_conditions_are_routed_by_name_and_get_gradients():
  layers = [
    tfp_cinc.AffineCoupling(Conditioned(), dtype=tf.float64, name=name)
    for name in ('first', 'second')
  ]
  x = tf.random.stateless_normal([3, 2, 2, 4], [0, 0], dtype=tf.float64)
  labels = tf.random.stateless_normal([2, 3, 1, 1, 1], [1, 0], dtype=tf.float64)
  results = []

  def compute(chain):
    with tf.GradientTape() as tape:
      tape.watch([x, labels])
      conditions = {
        'first': {'label': labels[0]},
        'second': {'label': labels[1]},
      }
      y = chain.forward(x, **conditions)
      log_det = chain.forward_log_det_jacobian(x, 3, **conditions)
      loss = tf.reduce_sum(y**2) - tf.reduce_sum(log_det)
    sources = [x, labels, *chain.trainable_variables]
    again = chain.inverse(tf.identity(y), **conditions)
    return [y, log_det, again, *tape.gradient(loss, sources)]

  # Two parts that are alike, each with a condition of its own.
  for memory in ('store', 'checkpoint', 'reversible'):
    chain = tfp_cinc.ReversibleChain(layers, memory)
    for run in (compute, tf.function(compute, autograph=False)):
      results.append(run(chain))
  np.testing.assert_allclose(results[0][2], x, atol=1e-12)
  assert np.all(results[0][4] != 0)
  for result in results[1:]:
    for stored, other in zip(results[0], result, strict=True):
      np.testing.assert_allclose(stored, other, atol=1e-12)


def test_event_shapes_go_through_the_chain():
  chain = tfp_cinc.ReversibleChain(
    [tfp_cinc.trainable_cinc_conv2d(8), tfp_cinc.Squeeze()]
  )
  assert chain.forward_event_shape([4, 6, 2]) == [2, 3, 8]
  assert chain.inverse_event_shape([2, 3, 8]) == [4, 6, 2]
  np.testing.assert_array_equal(
    chain.forward_event_shape_tensor([4, 6, 2]), [2, 3, 8]
  )
  np.testing.assert_array_equal(
    chain.inverse_event_shape_tensor([2, 3, 8]), [4, 6, 2]
  )


def test_is_the_chain_of_tfp():
  layers = [*make_layers(1, tf.float32), tfb.Scale(2.0)]
  ours, theirs = tfp_cinc.ReversibleChain(layers), tfb.Chain(layers)
  x = tf.random.stateless_normal([3, 4, 4, 4], [0, 0])
  np.testing.assert_allclose(ours.forward(x), theirs.forward(x), rtol=1e-6)
  np.testing.assert_allclose(
    ours.forward_log_det_jacobian(x, 3),
    theirs.forward_log_det_jacobian(x, 3),
    rtol=1e-6,
  )


def test_bad_input():
  with pytest.raises(ValueError, match='`bijectors` is empty'):
    tfp_cinc.ReversibleChain([])
  with pytest.raises(ValueError, match="did you mean 'reversible'"):
    tfp_cinc.ReversibleChain([tfb.Scale(2.0)], memory='reverse')


def test_log_dets_of_parts_of_any_rank():
  part = tfp_cinc.Reshaped(tfb.Scale(2.0), [4, 3], [12])
  x = tf.ones([5, 4, 4, 3])
  chain = tfp_cinc.ReversibleChain([part])
  np.testing.assert_allclose(
    chain.forward_log_det_jacobian(x, 3), 48 * np.log(2.0), rtol=1e-6
  )


@pytest.mark.parametrize('in_graph', [False, True])
@pytest.mark.parametrize('memory', ['reversible', 'checkpoint'])
def test_gradients_have_the_precision_of_the_way_there(memory, in_graph):
  """Also where they are taken after `full_precision` has ended."""

  def compute(memory):
    layers = make_layers(2, tf.float32, tf.bfloat16)
    chain = tfp_cinc.ReversibleChain(layers, memory=memory)
    x = tf.random.stateless_normal([2, 4, 4, 4], [0, 0])

    def gradient():
      with tf.GradientTape() as tape, tfp_cinc.full_precision():
        loss = tf.reduce_sum(chain.forward(tf.identity(x)) ** 2)
      return tape.gradient(loss, chain.trainable_variables)

    return (tf.function(gradient) if in_graph else gradient)()

  for found, expected in zip(compute(memory), compute('store'), strict=True):
    scale = np.max(np.abs(expected))
    np.testing.assert_allclose(found, expected, atol=1e-4 * scale, rtol=1e-4)


def test_layers_of_a_chain_check_their_inputs():
  layer = tfp_cinc.ActNorm([0.0], [0.0], validate_args=True)
  chain = tfp_cinc.ReversibleChain([layer])
  with pytest.raises(tf.errors.InvalidArgumentError, match='not finite'):
    chain.forward(np.full([1, 2, 2, 1], np.nan, np.float32))


@pytest.mark.parametrize('in_graph', [False, True])
@pytest.mark.parametrize('memory', ['reversible', 'checkpoint'])
def test_networks_of_keras_in_mixed_precision_have_gradients(memory, in_graph):
  policy = tf_keras.mixed_precision.Policy('mixed_bfloat16')

  def network():
    layers = tf_keras.layers
    model = tf_keras.Sequential(
      [
        layers.Conv2D(4, 3, padding='same', activation='relu', dtype=policy),
        layers.Conv2D(4, 1, dtype='float32'),
      ]
    )
    model.build([None, 4, 4, 2])
    return model

  chain = tfp_cinc.ReversibleChain(
    [tfp_cinc.AffineCoupling(network()) for _ in range(2)], memory=memory
  )
  x = tf.random.stateless_normal([2, 4, 4, 4], [0, 0])

  def gradient():
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(chain.forward(tf.identity(x)) ** 2)
    return tape.gradient(loss, chain.trainable_variables)

  found = (tf.function(gradient) if in_graph else gradient)()
  assert len(found) == 8
  assert all(np.any(value) for value in found)


class Table(tf.Module):
  """A network that looks its numbers up."""

  def __init__(self, seed):
    super().__init__()
    self.rows = tf.Variable(tf.random.stateless_normal([2, 4], [seed, 0]))

  def __call__(self, x):
    here = tf.gather(self.rows, tf.cast(x[..., 0] > 0, tf.int32))
    first = tf.gather_nd(self.rows, [[0]])
    return here + first


@pytest.mark.parametrize('memory', ['reversible', 'checkpoint', 'store'])
def test_networks_that_gather(memory):
  chain = tfp_cinc.ReversibleChain(
    [tfp_cinc.AffineCoupling(Table(seed)) for seed in range(2)], memory=memory
  )
  x = tf.random.stateless_normal([2, 4, 4, 4], [0, 0])

  def gradient(x):
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(chain.forward(x) ** 2)
    found = tape.gradient(loss, chain.trainable_variables)
    return [tf.convert_to_tensor(value) for value in found]

  for found, expected in zip(
    tf.function(gradient)(x), gradient(tf.identity(x)), strict=True
  ):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_an_additive_coupling_of_vectors():
  """Whose log-det is one number for all pixels."""
  network = networks.glow_network(2, 2, hidden_channels=4)
  coupling = tfp_cinc.AdditiveCoupling(network)
  chain = tfp_cinc.ReversibleChain(
    [tfp_cinc.Reshaped(coupling, [4], [1, 1, 4])]
  )
  x = tf.random.stateless_normal([2, 3, 3, 4], [0, 0])
  np.testing.assert_allclose(chain.forward_log_det_jacobian(x, 3), 0.0)
  np.testing.assert_allclose(
    chain.inverse(tf.identity(chain.forward(x))), x, atol=1e-6
  )
