"""The causal convolution, its solve and its matrix."""

from unittest import mock

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tfp_cinc import math
from tfp_cinc.math import block_solve, causal_conv


def make_kernel(kernel_size, channels, seed=0, columns=None, lookahead=0):
  """A kernel whose convolution is well conditioned."""
  rng = np.random.default_rng(seed)
  shape = [kernel_size, columns or kernel_size, channels, channels]
  kernel = 0.3 * rng.normal(size=shape) / np.sqrt(channels)
  kernel[-1, -1 - lookahead] += np.eye(channels)
  return tf.constant(kernel)


def dense_matrix(kernel, height, width, padding, dilation=1, lookahead=0):
  """Definition 3 of the paper, entry by entry in NumPy."""
  kernel = np.asarray(kernel)
  rows, columns, channels = kernel.shape[:3]
  down = 1 if padding.startswith('top') else -1
  right = 1 if padding.endswith('left') else -1
  matrix = np.zeros([height, width, channels, height, width, channels])
  for i, j in np.ndindex(height, width):
    for a, b in np.ndindex(rows, columns):
      if a == rows - 1 and b > columns - 1 - lookahead:
        continue  # later in raster order
      row = i - down * dilation * (rows - 1 - a)
      column = j - right * dilation * (columns - 1 - lookahead - b)
      if 0 <= row < height and 0 <= column < width:
        matrix[i, j, :, row, column, :] += kernel[a, b].T
  return matrix.reshape([height * width * channels] * 2)


def solved_by(pixels, loop):
  """Solves by single pixels or blocks, and in a loop or step by step."""
  return mock.patch.multiple(
    block_solve,
    _PIXEL_CHANNELS=1 if pixels else 100,
    _LOOP_PRODUCTS=1 if loop else 10**6,
  )


geometries = {
  'kernel_size': st.integers(1, 5),
  'channels': st.integers(1, 3),
  'height': st.integers(1, 7),
  'width': st.integers(1, 7),
  'padding': st.sampled_from(causal_conv.PADDINGS),
  'dilation': st.integers(1, 3),
  'pixels': st.booleans(),
  'loop': st.booleans(),
}
examples = hypothesis.settings(
  max_examples=60, deadline=None, derandomize=True, database=None
)


@hypothesis.given(**geometries)
@examples
def test_agrees_with_the_dense_matrix(
  kernel_size, channels, height, width, padding, dilation, pixels, loop
):
  options = {'padding': padding, 'dilation': dilation}
  kernel = make_kernel(kernel_size, channels)
  with solved_by(pixels, loop):
    check_against_the_dense_matrix(kernel, height, width, options)


@hypothesis.given(
  rows=st.integers(1, 4),
  columns=st.integers(1, 5),
  lookahead=st.integers(0, 4),
  channels=st.integers(1, 2),
  height=st.integers(1, 7),
  width=st.integers(1, 9),
  padding=st.sampled_from(causal_conv.PADDINGS),
  row_block=st.sampled_from([1, 64]),
  pixels=st.booleans(),
  loop=st.booleans(),
)
@examples
def test_lookahead_agrees_with_the_dense_matrix(
  rows,
  columns,
  lookahead,
  channels,
  height,
  width,
  padding,
  row_block,
  pixels,
  loop,
):
  lookahead = min(lookahead, columns - 1)
  options = {'padding': padding, 'lookahead': lookahead}
  kernel = make_kernel(rows, channels, columns=columns, lookahead=lookahead)
  with (
    mock.patch.object(block_solve, '_ROW_BLOCK', row_block),
    solved_by(pixels, loop),
  ):
    check_against_the_dense_matrix(kernel, height, width, options)


def check_against_the_dense_matrix(kernel, height, width, options):
  channels = kernel.shape[-1]
  expected = dense_matrix(kernel, height, width, **options)
  matrix = math.convolution_matrix(kernel, (height, width), **options)
  np.testing.assert_allclose(matrix, expected, atol=1e-12)

  x = np.random.default_rng(1).normal(size=[2, height, width, channels])
  flat = x.reshape([2, -1])
  y = math.causal_conv2d(x, kernel, **options)
  np.testing.assert_allclose(
    np.reshape(y, [2, -1]), flat @ expected.T, atol=1e-12
  )
  solved = math.causal_conv2d_solve(x, kernel, **options)
  np.testing.assert_allclose(
    np.reshape(solved, [2, -1]),
    np.linalg.solve(expected, flat.T).T,
    atol=1e-10,
  )
  block = kernel[-1, -1 - options.get('lookahead', 0)]
  log_det = np.linalg.slogdet(block)[1]
  np.testing.assert_allclose(
    np.linalg.slogdet(expected)[1], height * width * log_det, atol=1e-10
  )


@pytest.mark.parametrize('padding', causal_conv.PADDINGS)
def test_matrix_is_block_triangular(padding):
  kernel = make_kernel(3, 2)
  matrix = math.convolution_matrix(kernel, (3, 4), padding=padding)
  blocks = np.reshape(matrix, [12, 2, 12, 2])
  if padding == 'top_left':
    later = np.triu_indices(12, 1)
    assert not np.any(blocks[later[0], :, later[1], :])
  for pixel in range(12):
    np.testing.assert_allclose(
      blocks[pixel, :, pixel, :], np.transpose(kernel[-1, -1])
    )


@pytest.mark.parametrize(
  ('kernel_size', 'options'),
  [
    (3, {}),
    (2, {'padding': 'bottom_right', 'dilation': 2}),
    (4, {'padding': 'top_right'}),
    (3, {'padding': 'bottom_left', 'lookahead': 1}),
    (3, {'pixels': True}),
    (3, {'loop': True}),
    (3, {'pixels': True, 'loop': True, 'lookahead': 1}),
  ],
)
def test_solve_gradients(kernel_size, options):
  """First and second derivatives, along random directions."""
  options = dict(options)
  how = {key: options.pop(key, False) for key in ('pixels', 'loop')}
  with solved_by(**how):
    check_derivatives(kernel_size, options)


def check_derivatives(kernel_size, options):
  rng = np.random.default_rng(2)
  lookahead = options.get('lookahead', 0)
  kernel = tf.Variable(make_kernel(kernel_size, 2, lookahead=lookahead))
  y = tf.Variable(rng.normal(size=[2, 4, 6, 2]))
  places = [y, kernel]
  directions = [tf.constant(rng.normal(size=p.shape)) for p in places]
  weights = tf.constant(rng.normal(size=y.shape))

  def value():
    x = math.causal_conv2d_solve(y, kernel, **options)
    return tf.reduce_sum(weights * x**3)

  def slope():
    with tf.GradientTape() as tape:
      result = value()
    gradients = tape.gradient(result, places)
    return sum(
      tf.reduce_sum(g * d) for g, d in zip(gradients, directions, strict=True)
    )

  def curvature():
    with tf.GradientTape() as tape:
      result = slope()
    gradients = tape.gradient(result, places)
    return sum(
      tf.reduce_sum(g * d) for g, d in zip(gradients, directions, strict=True)
    )

  def differences(function, step=1e-5):
    ends = []
    for distance in (step, -2 * step, step):
      for place, direction in zip(places, directions, strict=True):
        place.assign_add(distance * direction)
      ends.append(function())
    return (ends[0] - ends[1]) / (2 * step)

  np.testing.assert_allclose(slope(), differences(value), rtol=1e-6)
  np.testing.assert_allclose(curvature(), differences(slope), rtol=1e-6)


def test_solve_uses_the_diagonal_inverse_that_it_is_given():
  kernel, y = make_kernel(3, 2), tf.random.normal([1, 3, 3, 2], dtype='double')
  inverse = tf.linalg.inv(kernel[-1, -1])
  np.testing.assert_allclose(
    math.causal_conv2d_solve(y, kernel, diagonal_inverse=inverse),
    math.causal_conv2d_solve(y, kernel),
    atol=1e-12,
  )


@pytest.mark.parametrize('loop', [False, True])
@pytest.mark.parametrize('pixels', [False, True])
def test_solve_compiles_by_xla_for_any_batch(pixels, loop):
  with solved_by(pixels, loop):
    check_xla()


def check_xla():
  kernel = tf.cast(make_kernel(3, 2), tf.float32)
  x = tf.random.stateless_normal([3, 6, 5, 2], [0, 1])

  @tf.function(jit_compile=True)
  def solve(y):
    return math.causal_conv2d_solve(y, kernel)

  y = math.causal_conv2d(x, kernel)
  np.testing.assert_allclose(solve(y), x, atol=1e-5)
  np.testing.assert_allclose(solve(y[:1]), x[:1], atol=1e-5)


@pytest.mark.parametrize('function', ['causal_conv2d', 'causal_conv2d_solve'])
@pytest.mark.parametrize(
  ('shape', 'kernel_shape', 'options', 'message'),
  [
    ([4, 4, 2], [3, 3, 2, 1], {}, r'must be \[k, k, C, C\]'),
    ([4, 4, 2], [0, 0, 2, 2], {}, 'C >= 1'),
    ([4, 4, 3], [3, 3, 2, 2], {}, '3 channels and `kernel` is for 2'),
    ([4, 2], [3, 3, 2, 2], {}, r'must be \[..., H, W, C\]'),
    ([4, 4, 2], [3, 3, 2, 2], {'padding': 'top'}, "did you mean 'top_"),
    ([4, 4, 2], [3, 3, 2, 2], {'dilation': 0}, '`dilation` is 0'),
    ([4, 4, 2], [3, 3, 2, 2], {'lookahead': 3}, 'it must be from 0 to 2'),
    (
      [4, 4, 2],
      [3, 3, 2, 2],
      {'lookahead': 1, 'dilation': 2},
      'one of them must be left',
    ),
  ],
)
def test_bad_input(function, shape, kernel_shape, options, message):
  with pytest.raises(ValueError, match=message):
    getattr(math, function)(tf.zeros(shape), tf.zeros(kernel_shape), **options)


def test_refinement_mends_a_block_that_is_close_to_singular():
  rng = np.random.default_rng(0)
  kernel = 0.1 * rng.normal(size=[3, 3, 6, 6])
  values, turn = np.logspace(0, -4, 6), np.linalg.qr(rng.normal(size=[6, 6]))[0]
  kernel[-1, -1] = turn @ np.diag(values) @ np.linalg.qr(turn + 1.0)[0]
  kernel = tf.constant(kernel, tf.float32)
  y = tf.constant(rng.normal(size=[2, 6, 6, 6]), tf.float32)

  def backward_error(x):
    x, k = tf.cast(x, tf.float64), tf.cast(kernel, tf.float64)
    residual = causal_conv.causal_conv2d(x, k) - tf.cast(y, tf.float64)
    scale = causal_conv.causal_conv2d(tf.abs(x), tf.abs(k)) + tf.abs(
      tf.cast(y, tf.float64)
    )
    return float(tf.reduce_max(tf.abs(residual)) / tf.reduce_max(scale))

  plain = backward_error(causal_conv.causal_conv2d_solve(y, kernel))
  refined = causal_conv.causal_conv2d_solve(y, kernel, max_backward_error=2e-7)
  double = causal_conv.causal_conv2d_solve(y, kernel, solve_dtype=tf.float64)
  assert double.dtype == tf.float32
  assert plain > 1e-6
  assert backward_error(refined) < 0.1 * plain
  assert backward_error(double) < 1e-7


@pytest.mark.parametrize('loop', [False, True])
@pytest.mark.parametrize('pixels', [False, True])
def test_solve_is_vectorized(pixels, loop):
  kernel = make_kernel(3, 2)
  y = tf.constant(np.random.default_rng(1).normal(size=[3, 1, 4, 6, 2]))

  def solve(y):
    return math.causal_conv2d_solve(y, kernel)

  with solved_by(pixels, loop):
    together = tf.vectorized_map(solve, y, fallback_to_while_loop=False)
    np.testing.assert_allclose(together, solve(y), atol=1e-12)


def test_large_images_are_traced_as_a_loop():
  kernel = make_kernel(3, 2)
  sizes = []
  for height in (220, 440):

    @tf.function(autograph=False)
    def solve(y):
      return math.causal_conv2d_solve(y, kernel)

    traced = solve.get_concrete_function(
      tf.zeros([1, height, 220, 2], 'double')
    )
    sizes.append(len(traced.graph.get_operations()))
  assert max(sizes) < 200
