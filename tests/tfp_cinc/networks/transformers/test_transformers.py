"""Transformers, against a NumPy transformer written token by token."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfp_cinc import networks
from tfp_cinc.networks.transformers.rotary_positions import (
  rotary_angles,
  rotate,
)
from tfp_cinc.networks.transformers.tokens import as_image, as_tokens

HEIGHT, WIDTH = 2, 3
X = tf.random.stateless_normal([2, HEIGHT, WIDTH, 2], [0, 0], dtype=tf.float64)
MAKE = {
  'vision': networks.trainable_vision_transformer,
  'causal': networks.trainable_causal_transformer,
}


def moved(kind, image_size=None, dtype=tf.float64, **options):
  """A network of 8 channels away from where it starts."""
  network = MAKE[kind](
    2,
    3,
    hidden_channels=8,
    num_heads=2,
    image_size=image_size,
    seed=1,
    dtype=dtype,
    **options,
  )
  rng = np.random.default_rng(1)
  for variable in network.trainable_variables:
    move = tf.cast(0.3 * rng.normal(size=variable.shape), dtype)
    variable.assign_add(move)
  return network


def numpy_transformer(network, tokens, is_causal):
  """The transformer of one image, [L, C_in] -> [L, C_out]."""
  weights = {v.name.split(':')[0]: v.numpy() for v in network.variables}
  weights = {name.split('transformer/')[-1]: w for name, w in weights.items()}

  def dense(x, name):
    return x @ weights[f'{name}/kernel'] + weights[f'{name}/bias']

  def norm(x, name):
    x = (x - x.mean()) / math.sqrt(x.var() + 1e-5)
    return x * weights[f'{name}/scale'] + weights[f'{name}/shift']

  def gelu(x):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

  positions = weights.get('positions')
  angles = rotary_angles(HEIGHT, WIDTH, 4)

  def turn(vector, place):
    """Rotates the pairs of channels (0, 2) and (1, 3) of a head."""
    if positions is not None:
      return vector
    one, other = np.split(vector, 2)
    turned = (one + 1j * other) * np.exp(1j * angles[place])
    return np.concatenate([turned.real, turned.imag])

  h = [dense(token, 'embed') for token in tokens]
  if positions is not None:
    h = [token + position for token, position in zip(h, positions, strict=True)]
  for layer in ('layer_0', 'layer_1'):
    triples = [
      dense(norm(t, f'{layer}/norm_1'), f'{layer}/attend').reshape([3, 2, 4])
      for t in h
    ]
    new = []
    for i, token in enumerate(h):
      seen = triples[: i + 1] if is_causal else triples
      heads = []
      for head in range(2):
        query = turn(triples[i][0, head], i)
        scores = [
          query @ turn(t[1, head], j) / math.sqrt(4) for j, t in enumerate(seen)
        ]
        shares = np.exp(scores) / np.sum(np.exp(scores))
        heads.append(shares @ [t[2, head] for t in seen])
      token = token + dense(np.concatenate(heads), f'{layer}/project')
      hidden = gelu(dense(norm(token, f'{layer}/norm_2'), f'{layer}/expand'))
      new.append(token + dense(hidden, f'{layer}/contract'))
    h = new
  return np.stack([dense(norm(token, 'norm'), 'head') for token in h])


@pytest.mark.parametrize('image_size', [None, (HEIGHT, WIDTH)])
@pytest.mark.parametrize('kind', MAKE)
def test_is_the_formula(kind, image_size):
  network = moved(kind, image_size)
  found = as_tokens(network(X))
  for image, output in zip(as_tokens(X).numpy(), found, strict=True):
    if kind == 'causal':  # the first token is zero
      image = np.concatenate([np.zeros([1, 2]), image[:-1]])
    expected = numpy_transformer(network, image, kind == 'causal')
    np.testing.assert_allclose(output, expected, atol=1e-10)


@pytest.mark.parametrize('order', ['raster', 'reversed'])
def test_an_output_pixel_reads_only_the_pixels_before_it(order):
  network = moved('causal', order=order)
  with tf.GradientTape() as tape:
    tape.watch(X)
    y = as_tokens(network(X), order)
  jacobian = tape.batch_jacobian(y, X)  # [2, L, 3, H, W, 2]
  reads = np.abs(jacobian).sum(axis=(0, 2, 5)).reshape([6, 6]) > 1e-12
  if order == 'reversed':
    reads = reads[:, ::-1]
  np.testing.assert_array_equal(reads, np.tri(6, k=-1, dtype=bool))


def read_all(network, x, **condition):
  """The output of a causal network, pixel by pixel."""
  state, step = network.read_pixels(x, **condition)
  tokens, outputs = as_tokens(x, network.order), []
  last = tf.fill(tokens[:, 0].shape, tf.constant(np.nan, x.dtype))
  for i in range(tokens.shape[1]):
    output, state = step(i, last, state)
    outputs.append(output)
    last = tokens[:, i]
  return as_image(tf.stack(outputs, axis=1), x, network.order), state


@pytest.mark.parametrize('order', ['raster', 'reversed'])
@pytest.mark.parametrize('image_size', [None, (HEIGHT, WIDTH)])
def test_pixel_by_pixel_is_all_at_once(order, image_size):
  network = moved('causal', image_size, order=order)
  np.testing.assert_allclose(read_all(network, X)[0], network(X), atol=1e-12)


@pytest.mark.parametrize(
  'shape', [[3], [2, 3], [HEIGHT, WIDTH, 3], [2, 4, 6, 3]]
)
def test_pixel_by_pixel_under_a_condition(shape):
  network = moved('causal', condition_channels=3, order='reversed')
  condition = tf.random.stateless_normal(shape, [1, 1], dtype=tf.float64)
  expected = network(X, condition=condition)
  found, _ = read_all(network, X, condition=condition)
  np.testing.assert_allclose(found, expected, atol=1e-12)
  others = network(X, condition=condition + 1)
  assert np.all(np.max(np.abs(expected - others), (1, 2, 3)) > 1e-4)


def test_the_cache_has_the_size_that_is_documented():
  network = networks.trainable_causal_transformer(
    2, 4, hidden_channels=12, num_layers=3, num_heads=3, seed=1
  )
  state, _ = network.read_pixels(tf.zeros([5, 2, 3, 2]))
  sizes = [tf.size(part).numpy() for part in tf.nest.flatten(state)]
  assert sum(sizes) == 2 * 3 * 5 * (2 * 3) * 12  # 2 K N L D


def test_the_first_and_the_last_layer_compute_in_float32():
  x = tf.cast(1e3 * X, tf.float32)  # bfloat16 would round it to multiples of 4
  network = moved('vision', dtype=tf.float32)
  fast = network.with_network_dtype('bfloat16')
  exact, rounded = network(x), fast(x)
  assert rounded.dtype == tf.float32
  error = np.max(np.abs(rounded - exact)) / np.max(np.abs(exact))
  assert 1e-5 < error < 0.05
  assert np.any(rounded != tf.cast(tf.cast(rounded, tf.bfloat16), tf.float32))


def test_rotary_scores_depend_on_the_distance_only():
  rng = np.random.default_rng(0)
  query, key = rng.normal(size=[2, 8])
  turn = rotary_angles(4, 5, 8).reshape([4, 5, 4])

  def score(i, j):
    return np.sum(rotate(query, turn[i]) * rotate(key, turn[j]))

  np.testing.assert_allclose(score((0, 1), (2, 4)), score((1, 0), (3, 3)))
  assert abs(score((0, 1), (2, 4)) - score((0, 1), (3, 4))) > 1e-3


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'num_heads': 3}, r'`hidden_channels` is 8; .* `num_heads` = 3'),
    ({'num_heads': 4}, 'multiple of 4'),
    ({'num_layers': 0}, '`num_layers` is 0'),
    ({'image_size': (0, 2)}, '`height` is 0'),
  ],
)
def test_bad_sizes_are_named(options, message):
  with pytest.raises(ValueError, match=message):
    networks.trainable_causal_transformer(2, 4, hidden_channels=8, **options)


def test_learned_positions_are_for_one_size():
  network = moved('causal', (2, 2))
  with pytest.raises(ValueError, match='2 x 3 pixels and there are 4'):
    network(X)


def test_unknown_height_is_refused():
  network = moved('vision')
  spec = tf.TensorSpec([None, None, 3, 2], tf.float64)
  function = tf.function(network.__call__, input_signature=[spec])
  with pytest.raises(ValueError, match='height and width must be known'):
    function.get_concrete_function()


def test_an_unknown_order_is_refused():
  with pytest.raises(ValueError, match="'backwards'"):
    moved('causal', order='backwards')
