"""Attention, against tf_keras and against the formula entry by entry."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfp_cinc import networks
from tfp_cinc.networks import attention_network


def moved(num_heads, num_blocks=1):
  """A network with variables away from where they start."""
  network = networks.trainable_attention_network(
    2,
    3,
    hidden_channels=4,
    num_blocks=num_blocks,
    num_heads=num_heads,
    seed=1,
    dtype=tf.float64,
  )
  rng = np.random.default_rng(1)
  for variable in network.trainable_variables:
    variable.assign_add(0.3 * rng.normal(size=variable.shape))
  return network


def keras_attention(h, num_heads):
  """Attention of tf_keras whose projections are the identity."""
  batch, height, width, channels = h.shape
  channels //= 3
  query, key, value = np.split(
    np.reshape(h, [batch, height * width, -1]), 3, axis=-1
  )
  layer = tf_keras.layers.MultiHeadAttention(
    num_heads, channels // num_heads, use_bias=False, dtype=tf.float64
  )
  layer(query, value, key)
  identity = np.eye(channels)
  layer.set_weights([identity.reshape(w.shape) for w in layer.get_weights()])
  return np.reshape(layer(query, value, key), [batch, height, width, channels])


@pytest.mark.parametrize('num_heads', [1, 2, 3])
def test_attention_is_that_of_keras(num_heads):
  h = tf.random.stateless_normal([2, 3, 2, 18], [0, 0], dtype=tf.float64)
  np.testing.assert_allclose(
    attention_network._attention(h, num_heads),
    keras_attention(h, num_heads),
    atol=1e-10,
  )


@pytest.mark.parametrize('num_blocks', [1, 2])
def test_is_the_formula(num_blocks):
  network = moved(num_blocks=num_blocks, num_heads=2)
  weights = {v.name.split('/', 1)[1]: v.numpy() for v in network.variables}

  def conv(h, name):
    kernel, bias = (weights.pop(f'{name}/{v}:0') for v in ('kernel', 'bias'))
    return tf.nn.conv2d(h, kernel, 1, 'SAME') + bias

  def norm(h, name):
    scale, shift = (weights.pop(f'{name}/{v}:0') for v in ('scale', 'shift'))
    mean = np.mean(h, -1, keepdims=True)
    deviation = np.sqrt(np.var(h, -1, keepdims=True) + 1e-5)
    return (h - mean) / deviation * scale + shift

  def gate(h, name):
    value, gate = np.split(conv(h, f'{name}/conv').numpy(), 2, axis=-1)
    return value / (1 + np.exp(-gate))

  def elu(h):
    return np.where(h > 0, h, np.expm1(np.minimum(h, 0)))

  def elus(h):
    return np.concatenate([elu(h), elu(-h)], -1)

  x = tf.random.stateless_normal([2, 4, 3, 2], [0, 0], dtype=tf.float64)
  h = conv(x, 'first').numpy()
  rows, columns = attention_network.position_encoding(4, 3, 4)
  for i in range(num_blocks):
    name = f'convolution_{i}'
    inner = conv(elus(h), f'{name}/conv').numpy()
    h = norm(h + gate(elus(inner), f'{name}/gate'), f'{name}/layer_norm')
    name = f'attention_{i}'
    inner = keras_attention(conv(h + rows + columns, f'{name}/conv'), 2)
    h = norm(h + gate(inner, f'{name}/gate'), f'{name}/layer_norm')
  np.testing.assert_allclose(network(x), conv(h, 'last'), atol=1e-10)
  assert not weights


def test_each_pixel_sees_all_others():
  network = moved(num_heads=2)
  x = tf.random.stateless_normal([1, 8, 9, 2], [0, 0], dtype=tf.float64)
  corner = tf.tensor_scatter_nd_add(x, [[0, 0, 0, 0]], [tf.ones([], x.dtype)])
  assert np.all(np.any(network(corner) != network(x), axis=-1))


@pytest.mark.parametrize('channels', [2, 3, 4, 7, 16])
def test_positions_tell_pixels_apart(channels):
  rows, columns = attention_network.position_encoding(9, 11, channels)
  encoding = np.reshape(rows + columns, [-1, channels])
  assert encoding.shape == (99, channels)
  distances = np.linalg.norm(encoding[:, None] - encoding[None], axis=-1)
  assert np.min(distances + np.eye(99)) > 1e-2
  assert np.max(np.abs(encoding)) <= 1.0


def test_positions_entry_by_entry():
  rows, columns = attention_network.position_encoding(5, 6, 8)
  for i, j, n in np.ndindex(5, 6, 2):
    w = 10000 ** (-n / 2)
    expected = [np.sin(w * i), np.sin(w * j), np.cos(w * i), np.cos(w * j)]
    found = (rows + columns)[i, j, 4 * n : 4 * n + 4]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_each_call_may_have_another_size():
  network = moved(num_heads=4)
  for height, width in ((1, 1), (2, 5), (4, 3)):
    x = tf.ones([2, height, width, 2], tf.float64)
    assert network(x).shape == [2, height, width, 3]

  unknown = tf.function(
    network,
    input_signature=[tf.TensorSpec([1, None, None, 2], tf.float64)],
    autograph=False,
  )
  with pytest.raises(ValueError, match='height and width must be known'):
    unknown.get_concrete_function()


def test_softmax_of_bfloat16_is_computed_in_float32():
  h = tf.random.stateless_normal([1, 8, 8, 12], [0, 0])
  half = tf.cast(h, tf.bfloat16)
  graph = tf.function(
    lambda h: attention_network._attention(h, 2), autograph=False
  ).get_concrete_function(half)
  softmax = [o for o in graph.graph.get_operations() if o.type == 'Softmax']
  assert [o.outputs[0].dtype for o in softmax] == [tf.float32]
  y = attention_network._attention(half, 2)
  assert y.dtype == tf.bfloat16
  expected = attention_network._attention(h, 2)
  np.testing.assert_allclose(tf.cast(y, tf.float32), expected, atol=0.03)


def test_bad_input():
  with pytest.raises(ValueError, match='must be a multiple of `num_heads` = 4'):
    networks.trainable_attention_network(2, 2, hidden_channels=6)
  with pytest.raises(ValueError, match='`num_blocks` is 0'):
    networks.trainable_attention_network(2, 2, num_blocks=0)
  with pytest.raises(ValueError, match='`num_heads` is 0'):
    networks.trainable_attention_network(2, 2, num_heads=0)
