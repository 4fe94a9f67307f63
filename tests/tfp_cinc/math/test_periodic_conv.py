"""The periodic convolution, its solve, its log-det and its condition."""

import hypothesis
import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from hypothesis import strategies as st

from tfp_cinc import math


def make_kernel(kernel_size, channels, seed=0):
  """A kernel whose convolution is well conditioned, on images of any size."""
  rng = np.random.default_rng(seed)
  shape = [kernel_size, kernel_size, channels, channels]
  kernel = rng.normal(size=shape) / (4 * kernel_size**2 * np.sqrt(channels))
  centre = (kernel_size - 1) // 2
  kernel[centre, centre] += np.linalg.qr(rng.normal(size=[channels] * 2))[0]
  return kernel


def dense_matrix(kernel, height, width):
  """The matrix of the definition, entry by entry in NumPy."""
  size, channels = kernel.shape[0], kernel.shape[-1]
  offset = (size - 1) // 2
  matrix = np.zeros([height, width, channels, height, width, channels])
  for i, j in np.ndindex(height, width):
    for a, b in np.ndindex(size, size):
      row, column = (i + a - offset) % height, (j + b - offset) % width
      matrix[i, j, :, row, column, :] += kernel[a, b].T
  return matrix.reshape([height * width * channels] * 2)


def box_blur(kernel_size, channels=1):
  """The mean over a window, in each channel."""
  window = np.full([kernel_size] * 2, kernel_size**-2.0)
  return np.einsum('ab,cd->abcd', window, np.eye(channels))


geometries = {
  'kernel_size': st.integers(1, 5),
  'channels': st.integers(1, 3),
  'height': st.integers(1, 7),
  'width': st.integers(1, 7),
}
examples = hypothesis.settings(
  max_examples=60, deadline=None, derandomize=True, database=None
)


@hypothesis.given(**geometries)
@hypothesis.example(kernel_size=5, channels=2, height=1, width=2)
@hypothesis.example(kernel_size=4, channels=2, height=3, width=1)
@examples
def test_agrees_with_scipy(kernel_size, channels, height, width):
  kernel = np.random.default_rng(0).normal(
    size=[kernel_size, kernel_size, channels, channels]
  )
  x = np.random.default_rng(1).normal(size=[2, height, width, channels])
  # SciPy's window starts at the pixel k // 2 before, ours (k - 1) // 2.
  origin = (kernel_size - 1) // 2 - kernel_size // 2
  expected = np.zeros_like(x)
  for image, result in zip(x, expected, strict=True):
    for c, d in np.ndindex(channels, channels):
      result[..., d] += scipy.ndimage.correlate(
        image[..., c], kernel[:, :, c, d], mode='wrap', origin=origin
      )
  y = math.periodic_conv2d(x, kernel)
  np.testing.assert_allclose(y, expected, atol=1e-12)


@hypothesis.given(**geometries)
@hypothesis.example(kernel_size=5, channels=2, height=1, width=2)
@hypothesis.example(kernel_size=4, channels=2, height=3, width=1)
@examples
def test_agrees_with_the_dense_matrix(kernel_size, channels, height, width):
  kernel = make_kernel(kernel_size, channels)
  matrix = dense_matrix(kernel, height, width)
  x = np.random.default_rng(1).normal(size=[2, height, width, channels])
  flat = x.reshape([2, -1])
  y = math.periodic_conv2d(x, kernel)
  np.testing.assert_allclose(
    np.reshape(y, [2, -1]), flat @ matrix.T, atol=1e-12
  )
  expected = np.linalg.solve(matrix, flat.T).T
  kept = math.periodic_conv2d_solve_matrices(kernel, (height, width))
  for matrices in (None, kept):
    solved = math.periodic_conv2d_solve(x, kernel, matrices)
    np.testing.assert_allclose(
      np.reshape(solved, [2, -1]), expected, atol=1e-12
    )
  np.testing.assert_allclose(
    math.periodic_log_abs_det(kernel, (height, width)),
    np.linalg.slogdet(matrix)[1],
    atol=1e-11,
  )
  values = np.linalg.svd(matrix, compute_uv=False)
  ratio, _ = math.periodic_reciprocal_condition(kernel, (height, width))
  np.testing.assert_allclose(ratio, values[-1] / values[0], rtol=1e-10)


def test_matrices_of_other_images_are_refused():
  kernel = make_kernel(3, 2)
  matrices = math.periodic_conv2d_solve_matrices(kernel, (1, 1))
  with pytest.raises(ValueError, match=r'`matrices` has shape \(1, 1, 2, 2\)'):
    math.periodic_conv2d_solve(np.zeros([1, 4, 4, 2]), kernel, matrices)


@pytest.mark.parametrize('size', [(3, 4), (4, 5), (1, 2), (5, 1)])
@pytest.mark.parametrize('kernel_size', [2, 3])
def test_gradients(kernel_size, size):
  """First and second derivatives, along random directions."""
  rng = np.random.default_rng(2)
  kernel = tf.Variable(make_kernel(kernel_size, 2))
  y = tf.Variable(rng.normal(size=[2, *size, 2]))
  places = [y, kernel]
  directions = [tf.constant(rng.normal(size=p.shape)) for p in places]
  weights = tf.constant(rng.normal(size=y.shape))

  def value():
    x = math.periodic_conv2d_solve(y, kernel)
    z = math.periodic_conv2d(y, kernel)
    log_det = math.periodic_log_abs_det(kernel, size)
    return tf.reduce_sum(weights * (x**3 + z**2)) + log_det

  def slope(function):
    with tf.GradientTape() as tape:
      result = function()
    gradients = tape.gradient(result, places)
    return sum(
      tf.reduce_sum(g * d) for g, d in zip(gradients, directions, strict=True)
    )

  def difference(function, step=1e-5):
    ends = []
    for distance in (step, -2 * step, step):
      for place, direction in zip(places, directions, strict=True):
        place.assign_add(distance * direction)
      ends.append(function())
    return (ends[0] - ends[1]) / (2 * step)

  def first():
    return slope(value)

  np.testing.assert_allclose(first(), difference(value), rtol=1e-6)
  np.testing.assert_allclose(slope(first), difference(first), rtol=1e-6)


def test_single_precision():
  """All is float32, to its precision, gradients too."""
  kernel = make_kernel(3, 8)
  x = np.random.default_rng(1).normal(size=[2, 6, 5, 8])

  def everything(dtype):
    k, images = tf.constant(kernel, dtype), tf.constant(x, dtype)
    with tf.GradientTape() as tape:
      tape.watch([k, images])
      solved = math.periodic_conv2d_solve(images, k)
      log_det = math.periodic_log_abs_det(k, (6, 5))
      loss = tf.reduce_sum(solved**2) + log_det
    return [solved, log_det, *tape.gradient(loss, [k, images])]

  for single, double in zip(
    everything(tf.float32), everything(tf.float64), strict=True
  ):
    assert single.dtype == tf.float32
    error = tf.cast(single, tf.float64) - double
    assert tf.norm(error) < 1e-5 * (1 + tf.norm(double))


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
@pytest.mark.parametrize('batch_shape', [(0,), (2, 0)])
def test_no_images(batch_shape, dtype):
  kernel, x = make_kernel(3, 2).astype(dtype), np.zeros([*batch_shape, 4, 3, 2])
  for function in (math.periodic_conv2d, math.periodic_conv2d_solve):
    assert function(x.astype(dtype), kernel).shape == x.shape


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
@pytest.mark.parametrize(
  ('kernel', 'size', 'frequencies'),
  [
    (np.ones([2, 2, 1, 1]), (1, 6), {(0, 3)}),
    (np.ones([2, 2, 1, 1]), (6, 1), {(3, 0)}),
    (box_blur(3, 2), (3, 2), {(1, 0), (2, 0), (1, 1), (2, 1)}),
    (box_blur(5), (4, 10), {(u, v) for u in range(4) for v in (2, 4)}),
    (box_blur(1, 3) * [1.0, 1.0, 0.0], (1, 1), {(0, 0)}),
    (box_blur(1) - box_blur(3)[1:2, 1:2] * 9, (1, 1), {(0, 0)}),
  ],
)
def test_finds_singular_frequencies(dtype, kernel, size, frequencies):
  ratio, frequency = math.periodic_reciprocal_condition(
    kernel.astype(dtype), size
  )
  assert ratio.dtype == dtype
  assert abs(ratio) < 2 * np.finfo(dtype).eps
  assert tuple(frequency.numpy()) in frequencies


def test_reciprocal_condition_of_a_rotation_is_one():
  rotation = np.linalg.qr(np.random.default_rng(0).normal(size=[3, 3]))[0]
  kernel = np.zeros([4, 4, 3, 3])
  kernel[3, 0] = 5 * rotation
  ratio, _ = math.periodic_reciprocal_condition(kernel, (3, 5))
  np.testing.assert_allclose(ratio, 1.0, atol=1e-12)


@pytest.mark.parametrize(
  'function', [math.periodic_conv2d, math.periodic_conv2d_solve]
)
@pytest.mark.parametrize(
  ('shape', 'kernel_shape', 'message'),
  [
    ([4, 4, 2], [3, 2, 2, 2], r'must be \[k, k, C, C\]'),
    ([4, 4, 2], [3, 3, 2, 1], r'must be \[k, k, C, C\]'),
    ([4, 4, 2], [0, 0, 2, 2], 'k, C >= 1'),
    ([4, 4, 3], [3, 3, 2, 2], '3 channels and `kernel` is for 2'),
    ([4, 2], [3, 3, 2, 2], r'must be \[..., H, W, C\]'),
  ],
)
def test_bad_shapes(function, shape, kernel_shape, message):
  with pytest.raises(ValueError, match=message):
    function(tf.zeros(shape), tf.zeros(kernel_shape))


@pytest.mark.parametrize(
  'function', [math.periodic_conv2d, math.periodic_conv2d_solve]
)
@pytest.mark.parametrize('shape', [[None, None, 4, 2], None])
def test_unknown_image_size(function, shape):
  kernel = tf.constant(make_kernel(3, 2))
  compiled = tf.function(lambda x: function(x, kernel), autograph=False)
  with pytest.raises(ValueError, match='with H, W and C known'):
    compiled.get_concrete_function(tf.TensorSpec(shape, tf.float64))


@pytest.mark.parametrize(
  'function', [math.periodic_log_abs_det, math.periodic_reciprocal_condition]
)
@pytest.mark.parametrize('size', [(0, 4), (4, None)])
def test_bad_image_size(function, size):
  with pytest.raises(ValueError, match='`image_size` is'):
    function(make_kernel(3, 2), size)


def test_bad_dtype():
  with pytest.raises(ValueError, match='`kernel` has dtype int32'):
    math.periodic_log_abs_det(tf.ones([1, 1, 2, 2], tf.int32), (2, 2))


def test_forward_compiles_by_xla_for_any_batch():
  kernel = tf.constant(make_kernel(3, 2))
  x = np.random.default_rng(1).normal(size=[3, 4, 5, 2])
  compiled = tf.function(
    math.periodic_conv2d, jit_compile=True, autograph=False
  )
  expected = math.periodic_conv2d(x, kernel)
  for batch in (3, 1):
    y = compiled(tf.constant(x[:batch]), kernel)
    np.testing.assert_allclose(y, expected[:batch], atol=1e-12)
