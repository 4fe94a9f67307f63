"""What is special to Chain, besides the conformance set."""

import copy
import functools
import pickle

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
    network = networks.trainable_glow_network(
      2,
      4,
      hidden_channels=4,
      seed=i,
      dtype=dtype,
      network_dtype=network_dtype,
    )
    layers += [
      tfp_cinc.bijectors.AffineCoupling(network, dtype=dtype),
      tfp_cinc.bijectors.trainable_cinc_conv2d(4, 2, seed=i, dtype=dtype),
      tfp_cinc.bijectors.trainable_one_by_one_conv2d(4, seed=i, dtype=dtype),
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


@pytest.mark.slow
@pytest.mark.parametrize(
  ('dtype', 'network_dtype', 'tolerance'),
  [
    (tf.float32, None, 1e-3),
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
    chain = tfp_cinc.bijectors.Chain(layers, memory)
    assert len(chain.trainable_variables) == 32 * 12
    pairs = zip(expected, gradients(chain, x, variables), strict=True)
    errors, sizes = zip(
      *((tf.norm(ours - right), tf.norm(right)) for right, ours in pairs),
      strict=True,
    )
    if network_dtype is not None:
      # Rounding moves single activations across 0, where ReLU has a kink: all
      # gradients together are compared.
      errors, sizes = [tf.norm(errors)], [tf.norm(sizes)]
    for error, size in zip(errors, sizes, strict=True):
      assert error <= tolerance * (size + 1e-3)


@tfp.experimental.auto_composite_tensor
class Counted(tf.Module, tfp.experimental.AutoCompositeTensor):
  """A network that counts, for all of its kind, how often it is called."""

  calls = 0

  def __init__(self, weight):
    super().__init__()
    self.weight = weight

  def __call__(self, x):
    Counted.calls += 1
    return x @ self.weight


def test_alike_layers_are_traced_once():
  layers = [
    tfp_cinc.bijectors.AffineCoupling(Counted(tf.Variable(tf.ones([2, 4]))))
    for _ in range(6)
  ]
  for i, layer in enumerate(layers):
    layer.networks[0].weight.assign_add(0.1 * i * tf.ones([2, 4]))
  other = tfp_cinc.bijectors.AffineCoupling(
    Counted(tf.Variable(tf.ones([2, 4]))), 'exp'
  )
  chain = tfp_cinc.bijectors.Chain([*layers[:3], other, *layers[3:]], 'store')
  x = tf.random.stateless_normal([2, 2, 2, 4], [0, 0])
  Counted.calls = 0
  y = tf.function(chain.forward)(x)
  assert Counted.calls == 2  # the six and the other
  np.testing.assert_allclose(y, chain.forward(tf.identity(x)), rtol=1e-5)
  layers[4].networks[0].weight.assign(tf.zeros([2, 4]))
  assert np.any(np.abs(y - tf.function(chain.forward)(x)) > 1e-3)


class Doubled(tfb.AutoCompositeTensorBijector):
  """x * exp(log_scale), from outside of the package."""

  traces = 0

  def __init__(self, log_scale, name='doubled'):
    parameters = dict(locals())
    self.log_scale = log_scale
    super().__init__(
      forward_min_event_ndims=0, dtype=tf.float32, parameters=parameters
    )

  @classmethod
  def _parameter_properties(cls, dtype):
    return {}

  def _forward(self, x):
    Doubled.traces += 1
    return x * tf.exp(self.log_scale)

  def _inverse(self, y):
    return y * tf.exp(-self.log_scale)

  def _forward_log_det_jacobian(self, x):
    return tf.convert_to_tensor(self.log_scale)


@pytest.mark.parametrize('memory', ['store', 'checkpoint', 'reversible'])
def test_composite_bijectors_from_outside_share_a_trace(memory):
  layers = [Doubled(tf.Variable(0.1 * i)) for i in range(4)]
  chain = tfp_cinc.bijectors.Chain(layers, memory)

  def gradient(x):
    with tf.GradientTape() as tape:
      y, log_det = chain.forward_and_log_det(x, 1)
      loss = tf.reduce_sum(y**2) - tf.reduce_sum(log_det)
    return [y, *tape.gradient(loss, chain.trainable_variables)]

  x = tf.ones([2, 3])
  Doubled.traces = 0
  in_graph = tf.function(gradient, autograph=False)(x)
  assert Doubled.traces <= 2  # that of the gradient may run it again
  for ours, eager in zip(in_graph, gradient(x), strict=True):
    np.testing.assert_allclose(ours, eager, rtol=1e-5)
  assert len(chain.trainable_variables) == 4


def test_a_trace_never_outlives_its_graph():
  """A new `tf.function` computes with Python objects as they are now."""

  class Gain(networks.ImageNetwork):
    def __init__(self):
      super().__init__(2)
      self.gain, self.weight = 1.0, tf.Variable(tf.ones([2, 2]))

    def _apply(self, x):
      return self.gain * (x @ self.weight)

  gains = [Gain() for _ in range(2)]
  chain = tfp_cinc.bijectors.Chain(
    [tfp_cinc.bijectors.AdditiveCoupling(network) for network in gains]
  )
  x = tf.random.stateless_normal([2, 2, 2, 4], [0, 0])
  tf.function(chain.forward)(x)
  for network in gains:
    network.gain = 3.0
  eager = chain.forward(tf.identity(x))
  np.testing.assert_allclose(tf.function(chain.forward)(x), eager, rtol=1e-6)
  assert np.any(np.abs(eager - x) > 1.0)


def test_networks_with_variables_of_their_own_are_traced_one_by_one():
  """Also if these are captured, where no `tf.Module` has them."""
  hidden = [tf.Variable((i + 1.0) * tf.ones([2, 4])) for i in range(2)]
  layers = [
    tfp_cinc.bijectors.AffineCoupling(lambda x, weight=weight: x @ weight)
    for weight in hidden
  ]
  chain = tfp_cinc.bijectors.Chain(layers)
  x = tf.random.stateless_normal([1, 2, 2, 4], [0, 0])

  def gradient():
    with tf.GradientTape() as tape:
      y = chain.forward(tf.identity(x))
      loss = tf.reduce_sum(y**2)
    return y, *tape.gradient(loss, hidden)

  for ours, eager in zip(tf.function(gradient)(), gradient(), strict=True):
    np.testing.assert_allclose(ours, eager, rtol=1e-4)


def test_keyword_arguments_name_one_part_each():
  layers = [
    tfp_cinc.bijectors.AffineCoupling(Conditioned(), dtype=tf.float64),
    tfp_cinc.bijectors.AffineCoupling(Conditioned(), dtype=tf.float64),
  ]
  chain, x = tfp_cinc.bijectors.Chain(layers), tf.ones([1, 2, 2, 4], tf.float64)
  label = {'label': tf.ones([1, 1, 1, 1], tf.float64)}
  with pytest.raises(ValueError, match="several parts named 'affine_coupling'"):
    chain.forward(x, affine_coupling=label)
  with pytest.raises(ValueError, match="did you mean 'affine_coupling'"):
    chain.forward(x, afine_coupling=label)


def test_parts_of_any_rank_and_dtype():
  """A chain of vectors, of layers that take any dtype."""
  layers = [
    tfp_cinc.bijectors.ReverseChannels(),
    tfp_cinc.bijectors.trainable_planar(4, seed=0, dtype=tf.float64),
    tfb.Sinh(),
  ]
  chain, x = tfp_cinc.bijectors.Chain(layers), tf.ones([5, 4], tf.float64)
  assert (chain.forward_min_event_ndims, chain.dtype) == (1, tf.float64)
  y, log_det = chain.forward_and_log_det(x)
  assert log_det.shape == [5]
  theirs = tfb.Chain(layers)
  np.testing.assert_allclose(y, theirs.forward(x))
  np.testing.assert_allclose(log_det, theirs.forward_log_det_jacobian(x, 1))
  with pytest.raises(
    ValueError, match='changes the rank of events from 1 to 2'
  ):
    tfp_cinc.bijectors.Chain([tfb.Reshape([2, 2], [4])])


class Conditioned(tf.Module):
  """A network that adds a condition to its input."""

  def __init__(self):
    super().__init__()
    self.weight = tf.Variable(tf.ones([2, 4], tf.float64))

  def __call__(self, x, label):
    return tf.tanh(x + label) @ self.weight


def test_conditions_are_routed_by_name_and_get_gradients():
  layers = [
    tfp_cinc.bijectors.AffineCoupling(
      Conditioned(), dtype=tf.float64, name=name
    )
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
    chain = tfp_cinc.bijectors.Chain(layers, memory)
    results.append(compute(chain))
    in_graph = tf.function(functools.partial(compute, chain), autograph=False)
    results.append(in_graph())
  np.testing.assert_allclose(results[0][2], x, atol=1e-12)
  assert np.all(results[0][4] != 0)
  for result in results[1:]:
    for stored, other in zip(results[0], result, strict=True):
      np.testing.assert_allclose(stored, other, atol=1e-12)


def test_event_shapes_go_through_the_chain():
  chain = tfp_cinc.bijectors.Chain(
    [tfp_cinc.bijectors.trainable_cinc_conv2d(8), tfp_cinc.bijectors.Squeeze()]
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
  ours, theirs = tfp_cinc.bijectors.Chain(layers), tfb.Chain(layers)
  x = tf.random.stateless_normal([3, 4, 4, 4], [0, 0])
  np.testing.assert_allclose(ours.forward(x), theirs.forward(x), rtol=1e-6)
  np.testing.assert_allclose(
    ours.forward_log_det_jacobian(x, 3),
    theirs.forward_log_det_jacobian(x, 3),
    rtol=1e-6,
  )


def test_a_chain_of_tfps_bijectors_is_copied_and_pickled():
  chain = tfp_cinc.bijectors.Chain(
    [tfb.Invert(tfb.Scale(tf.Variable(2.0))), tfb.Chain([tfb.Shift(1.0)])]
  )
  for other in (pickle.loads(pickle.dumps(chain)), copy.deepcopy(chain)):
    np.testing.assert_array_equal(other.forward([5.0]), [3.0])


def test_a_chain_of_tfps_that_changes_ranks_between_is_one_part():
  theirs = tfb.Chain(
    [tfb.Reshape([4], [2, 2]), tfb.Scale(2.0), tfb.Reshape([2, 2], [4])]
  )
  chain = tfp_cinc.bijectors.Chain([theirs])
  np.testing.assert_array_equal(chain.forward(tf.ones([3, 4])), 2.0)


def test_constructors_make_no_variables():
  class Makes(tfp_cinc.bijectors.FlowBijector):
    def __init__(self, name='makes'):
      parameters = dict(locals())
      self.weight = tf.Variable(1.0)
      super().__init__(
        forward_min_event_ndims=1, parameters=parameters, name=name
      )

  with pytest.raises(ValueError, match="Makes creates the Variable 'weight'"):
    Makes()


def test_log_dets_are_summed_over_events():
  class Unsummed(tfp_cinc.bijectors.FlowBijector):
    def __init__(self, name='unsummed'):
      parameters = dict(locals())
      super().__init__(
        forward_min_event_ndims=3, parameters=parameters, name=name
      )

    def _forward_and_log_det(self, x):
      return 2 * x, tf.math.log(2.0) * tf.ones_like(x[..., 0])

  layer, x = Unsummed(), tf.ones([4, 4, 4, 1])
  for function in (layer.forward, tfp_cinc.bijectors.Chain([layer]).forward):
    with pytest.raises(ValueError, match='must be summed over these dimension'):
      function(x)


def test_bad_input():
  with pytest.raises(ValueError, match='`bijectors` is empty'):
    tfp_cinc.bijectors.Chain([])
  with pytest.raises(ValueError, match="did you mean 'reversible'"):
    tfp_cinc.bijectors.Chain([tfb.Scale(2.0)], memory='reverse')


def test_log_dets_of_parts_of_any_rank():
  part = tfp_cinc.bijectors.Reshaped(tfb.Scale(2.0), [4, 3], [12])
  x = tf.ones([5, 4, 4, 3])
  chain = tfp_cinc.bijectors.Chain([part])
  np.testing.assert_allclose(
    chain.forward_log_det_jacobian(x, 3), 48 * np.log(2.0), rtol=1e-6
  )


def test_layers_of_a_chain_check_their_inputs():
  layer = tfp_cinc.bijectors.ActNorm([0.0], [0.0], validate_args=True)
  chain = tfp_cinc.bijectors.Chain([layer])
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

  chain = tfp_cinc.bijectors.Chain(
    [tfp_cinc.bijectors.AffineCoupling(network()) for _ in range(2)],
    memory=memory,
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
  chain = tfp_cinc.bijectors.Chain(
    [tfp_cinc.bijectors.AffineCoupling(Table(seed)) for seed in range(2)],
    memory=memory,
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
  network = networks.trainable_glow_network(2, 2, hidden_channels=4)
  coupling = tfp_cinc.bijectors.AdditiveCoupling(network)
  chain = tfp_cinc.bijectors.Chain(
    [tfp_cinc.bijectors.Reshaped(coupling, [4], [1, 1, 4])]
  )
  x = tf.random.stateless_normal([2, 3, 3, 4], [0, 0])
  np.testing.assert_allclose(chain.forward_log_det_jacobian(x, 3), 0.0)
  np.testing.assert_allclose(
    chain.inverse(tf.identity(chain.forward(x))), x, atol=1e-6
  )
