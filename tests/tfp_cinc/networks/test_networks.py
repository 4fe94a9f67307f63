"""What holds of every network that goes by name."""

import functools
import inspect
import tempfile

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tfp_cinc import networks

SMALL = {
  'attention': functools.partial(
    networks.trainable_attention_network,
    hidden_channels=4,
    num_blocks=1,
    num_heads=2,
  ),
  'dense': functools.partial(
    networks.trainable_dense_network, hidden_channels=4, num_layers=2
  ),
  'glow': functools.partial(networks.trainable_glow_network, hidden_channels=4),
  'pointwise': functools.partial(
    networks.trainable_pointwise_network, hidden_channels=4
  ),
  'residual': functools.partial(
    networks.trainable_residual_network, hidden_channels=4, num_blocks=1
  ),
  'residual-none': functools.partial(
    networks.trainable_residual_network,
    hidden_channels=4,
    num_blocks=1,
    normalization='none',
  ),
  'shared': functools.partial(
    networks.trainable_shared_network, hidden_channels=4
  ),
  'zero_conv': networks.trainable_zero_conv_network,
  'transformer': functools.partial(
    networks.trainable_vision_transformer, hidden_channels=4, num_layers=1
  ),
}

every_network = pytest.mark.parametrize('name', SMALL)


def make(name, *, seed=1, moved=True, condition_channels=0, **options):
  """A network of 2 to 3 channels, with variables away from where they start."""
  network = SMALL[name](
    2, 3, condition_channels=condition_channels, seed=seed, **options
  )
  if moved:
    rng = np.random.default_rng(seed)
    for variable in network.trainable_variables:
      change = 0.2 * rng.normal(size=variable.shape)
      variable.assign_add(tf.cast(change, variable.dtype))
  return network


def images(*batch_shape, dtype=tf.float32, channels=2, seed=0):
  shape = [*batch_shape, 4, 3, channels]
  return tf.random.stateless_normal(shape, [seed, 0], dtype=dtype)


@every_network
@pytest.mark.parametrize('dtype', [tf.float32, tf.float64])
def test_images_of_any_batch_shape_do_not_see_one_another(name, dtype):
  network = make(name, dtype=dtype)
  x = images(2, 3, dtype=dtype)
  y = network(x)
  assert y.shape == [2, 3, 4, 3, 3]
  assert y.dtype == dtype
  tolerance = 1e-5 if dtype == tf.float32 else 1e-12
  np.testing.assert_allclose(network(x[0]), y[0], atol=tolerance)
  np.testing.assert_allclose(network(x[1, 2]), y[1, 2], atol=tolerance)


@every_network
def test_starts_at_zero(name):
  network = make(name, moved=False, condition_channels=2)
  y = network(images(2), tf.ones([2]))
  np.testing.assert_array_equal(y, tf.zeros([2, 4, 3, 3]))


@every_network
def test_seed_decides_the_weights(name):
  one, same, other, drawn, again = (
    make(name, seed=seed, moved=False) for seed in (1, 1, 2, None, None)
  )
  for ours, theirs in zip(one.variables, same.variables, strict=True):
    np.testing.assert_array_equal(ours, theirs)
  if name != 'zero_conv':
    for ours, theirs in ((one, other), (drawn, again)):
      pairs = zip(ours.variables, theirs.variables, strict=True)
      assert any(np.any(a.numpy() != b.numpy()) for a, b in pairs)
  kernels = [v.numpy() for v in one.variables if 'kernel' in v.name]
  kernels = [kernel for kernel in kernels if kernel.any()]
  assert len({kernel.tobytes() for kernel in kernels}) == len(kernels)


@every_network
def test_gradients_agree_with_finite_differences(name):
  """In x, the condition and each variable, along a random direction."""
  network = make(name, dtype=tf.float64, condition_channels=1)
  rng = np.random.default_rng(3)
  x = tf.Variable(images(2, dtype=tf.float64))
  condition = tf.Variable(rng.normal(size=[2, 8, 6, 1]))
  weights = rng.normal(size=[2, 4, 3, 3])
  places = [x, condition, *network.trainable_variables]

  def value():
    return tf.reduce_sum(weights * network(x, condition))

  with tf.GradientTape() as tape:
    result = value()
  gradients = tape.gradient(result, places)
  assert len(gradients) == len(places) > 3
  for place, gradient in zip(places, gradients, strict=True):
    assert np.any(gradient), place.name
    direction, start = rng.normal(size=place.shape), tf.identity(place)
    ends = []
    for step in (1e-6, -1e-6):
      place.assign(start + step * direction)
      ends.append(value())
    place.assign(start)
    np.testing.assert_allclose(
      tf.reduce_sum(gradient * direction),
      (ends[0] - ends[1]) / 2e-6,
      rtol=1e-5,
      atol=1e-6,
      err_msg=place.name,
    )


@every_network
def test_output_depends_on_each_channel_of_the_condition(name):
  network = make(name, condition_channels=2)
  x = images(2)
  y = network(x, tf.zeros([2]))
  for i in range(2):
    assert np.any(network(x, tf.one_hot(i, 2)) != y)
  one_map = tf.tensor_scatter_nd_update(
    tf.zeros([2, 8, 6, 2]), [[0, 0, 0, 0]], [1.0]
  )
  difference = network(x, one_map) - y
  assert np.any(difference[0, 0, 0])
  np.testing.assert_allclose(difference[1], 0.0, atol=1e-6)


@every_network
def test_bfloat16_is_close_to_float32(name):
  full, half, auto = (
    make(name, network_dtype=network_dtype)
    for network_dtype in (None, 'bfloat16', 'auto')
  )
  assert all(variable.dtype == tf.float32 for variable in half.variables)
  x = images(8)
  y = full(x)
  difference = half(x) - y
  assert half(x).dtype == tf.float32
  assert np.any(difference)
  assert np.linalg.norm(difference) < 0.02 * np.linalg.norm(y)
  for network in (half, auto):
    np.testing.assert_array_equal(network.with_network_dtype(None)(x), y)
  assert np.linalg.norm(auto(x) - y) < 0.02 * np.linalg.norm(y)


@every_network
def test_graph_and_saved_model_give_what_eager_calls_give(name):
  network = make(name, dtype=tf.float64, condition_channels=2)
  x, condition = images(2, 3, dtype=tf.float64), images(3, dtype=tf.float64)
  module = tf.Module()
  module.network = network
  compiled = tf.function(
    lambda x, condition: network(x, condition[tf.newaxis]),
    input_signature=[
      tf.TensorSpec([None, None, 4, 3, 2], tf.float64),
      tf.TensorSpec([None, 4, 3, 2], tf.float64),
    ],
    autograph=False,
  )
  module.call = compiled
  y = network(x, condition[tf.newaxis])
  assert compiled.get_concrete_function().output_shapes[2:] == [4, 3, 3]
  np.testing.assert_allclose(compiled(x, condition), y, atol=1e-12)
  with tempfile.TemporaryDirectory() as folder:
    tf.saved_model.save(module, folder)
    loaded = tf.saved_model.load(folder)
  np.testing.assert_allclose(loaded.call(x, condition), y, atol=1e-12)


@every_network
@pytest.mark.parametrize('size', ['in_channels', 'out_channels'])
def test_sizes_must_be_positive(name, size):
  sizes = {'in_channels': 1, 'out_channels': 1, size: 0}
  with pytest.raises(ValueError, match=f'`{size}` is 0; it must be at least 1'):
    SMALL[name](*sizes.values())


@every_network
def test_channels_must_agree(name):
  with pytest.raises(ValueError, match='this layer is for 2 channels'):
    make(name)(images(1, channels=3))
  with pytest.raises(ValueError, match='`condition_channels` is -1'):
    make(name, condition_channels=-1)
  with pytest.raises(ValueError, match='cannot be used with `dtype` float64'):
    make(name, dtype=tf.float64, network_dtype='bfloat16')


@pytest.mark.parametrize('name', networks.NETWORKS)
def test_networks_by_name_have_one_signature(name):
  parameters = inspect.signature(networks.NETWORKS[name]).parameters
  expected = {
    'hidden_channels': 512,
    'condition_channels': 0,
    'seed': None,
    'dtype': tf.float32,
    'network_dtype': None,
    'name': f'{name}_network',
  }
  for key, default in expected.items():
    assert parameters[key].default == default
  positional = [p.name for p in parameters.values() if p.kind != p.KEYWORD_ONLY]
  assert positional == ['in_channels', 'out_channels']


@pytest.mark.parametrize('name', networks.NETWORKS)
def test_chains_of_conditional_couplings(name):
  """Alike steps share a trace; both memories give the same gradients."""

  def gradients(memory):
    chain = tfp_cinc.bijectors.Chain(
      [
        tfp_cinc.bijectors.AffineCoupling(
          SMALL[name](2, 4, condition_channels=3, seed=i, dtype=tf.float64),
          dtype=tf.float64,
          name=f'coupling_{i}',
        )
        for i in (1, 2)
      ],
      memory,
    )
    rng = np.random.default_rng(0)
    for variable in chain.trainable_variables:
      variable.assign_add(0.1 * rng.normal(size=variable.shape))

    @tf.function(autograph=False)
    def run(x, *labels):
      kwargs = {
        layer.name: {'condition': label}
        for layer, label in zip(chain.bijectors, labels, strict=True)
      }
      places = [x, *labels, *chain.trainable_variables]
      with tf.GradientTape() as tape:
        tape.watch([x, *labels])
        y = chain.forward(x, **kwargs)
        log_det = chain.forward_log_det_jacobian(x, 3, **kwargs)
        loss = tf.reduce_sum(y**2) - tf.reduce_sum(log_det)
      back = chain.inverse(tf.identity(y), **kwargs)
      return back, tape.gradient(loss, places)

    x = images(2, dtype=tf.float64, channels=4)
    labels = (tf.one_hot(i, 3, dtype=tf.float64) for i in ([0, 2], [1, 1]))
    back, found = run(x, *labels)
    np.testing.assert_allclose(back, x, atol=1e-10)
    return found

  for ours, theirs in zip(
    gradients('store'), gradients('reversible'), strict=True
  ):
    assert np.any(ours)
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)
