"""Which kernels are invertible, and how many parameters layers have."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from hypothesis import strategies as st

import tfp_cinc
from tfp_cinc import math, models
from tfp_cinc.math.causal_conv import PADDINGS

examples = hypothesis.settings(
  max_examples=60, deadline=None, derandomize=True, database=None
)


def reference_matrix(kernel, image_size, padding):
  """The matrix of a convolution, pixel by pixel in NumPy."""
  size, channels = kernel.shape[0], kernel.shape[-1]
  height, width = image_size
  before = {'same': (size - 1) // 2, 'circular': (size - 1) // 2}.get(padding)
  matrix = np.zeros([height, width, channels, height, width, channels])
  for i, j, a, b in np.ndindex(height, width, size, size):
    if before is None:
      down = 1 if padding.startswith('top') else -1
      right = 1 if padding.endswith('left') else -1
      row, column = i - down * (size - 1 - a), j - right * (size - 1 - b)
    else:
      row, column = i + a - before, j + b - before
    if padding == 'circular':
      row, column = row % height, column % width
    if 0 <= row < height and 0 <= column < width:
      matrix[i, j, :, row, column, :] += kernel[a, b].T
  return matrix.reshape([height * width * channels] * 2)


@hypothesis.given(
  kernel_size=st.integers(1, 4),
  channels=st.integers(1, 3),
  height=st.integers(1, 4),
  width=st.integers(1, 4),
  padding=st.sampled_from([*PADDINGS, 'same', 'circular']),
  lost=st.integers(0, 3),
  seed=st.integers(0, 99),
)
@examples
def test_agrees_with_the_rank_of_the_matrix(
  kernel_size, channels, height, width, padding, lost, seed
):
  """Kernels of small integers: to NumPy and to us they are exact."""
  rng = np.random.default_rng(seed)
  shape = [kernel_size, kernel_size, channels, channels]
  kernel = rng.integers(-1, 2, size=shape).astype(np.float64)
  # The last block dominates, or has a column that is zero.
  kernel[-1, -1] += 4.0 * np.eye(channels)
  if lost < channels:
    kernel[-1, -1, :, lost] = 0.0
  matrix = reference_matrix(kernel, (height, width), padding)
  expected = np.linalg.matrix_rank(matrix) == len(matrix)
  answer = math.is_invertible(kernel, padding, image_size=(height, width))
  assert bool(answer) == expected, str(answer)
  assert str(answer) == answer.reason


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
@pytest.mark.parametrize('closeness', [0.1, 1.0, 10.0])
def test_agrees_with_the_layers_that_refuse_such_kernels(dtype, closeness):
  """Near the precision of the dtype too, where the two must draw one line."""
  kernel = 0.1 * np.random.default_rng(0).normal(size=[3, 3, 2, 2])
  least = closeness * 2 * np.finfo(dtype).eps
  kernel[-1, -1] = np.diag([1.0, least])
  kernel = kernel.astype(dtype)
  invertible = math.is_invertible(kernel)
  assert bool(invertible) == (closeness > 1.0)
  if invertible:
    tfp_cinc.bijectors.CInCConv2D.from_kernel(kernel)
  else:
    with pytest.raises(ValueError, match='Theorem 2'):
      tfp_cinc.bijectors.CInCConv2D.from_kernel(kernel)


def test_reasons():
  one, several = np.ones([3, 3, 1, 1]), np.ones([2, 2, 3, 3])
  assert str(math.is_invertible(one)) == 'Theorem 1: kernel[2, 2] is 1.'
  reason = str(math.is_invertible(several))
  assert 'Theorem 2' in reason
  assert 'kernel[1, 1]' in reason
  assert 'singular values range from 3' in reason
  assert 'loses 2 rows' in str(math.is_invertible(one, 'valid'))
  reason = str(math.is_invertible(np.ones([3, 3, 1, 2])))
  assert '1 input and 2 output channels' in reason


def test_valid_padding_shrinks_images_but_for_kernels_of_one_pixel():
  assert not math.is_invertible(np.ones([2, 2, 1, 1]), 'valid')
  assert math.is_invertible(np.ones([1, 1, 1, 1]), 'valid')
  assert not math.is_invertible(np.zeros([1, 1, 1, 1]), 'valid')


@pytest.mark.parametrize(
  ('padding', 'singular', 'regular'),
  [('same', (1, 2), (1, 3)), ('circular', (1, 3), (1, 4))],
)
def test_image_size_decides_where_no_theorem_does(padding, singular, regular):
  """A kernel that is invertible for images of one size and not of another.

  Of [1, 1, 1] along a row: 'same' padding has the eigenvalues
  1 + 2 cos(pi j / (W + 1)), 'circular' 1 + 2 cos(2 pi j / W), which are zero
  where the cosine is -1/2.
  """
  kernel = np.zeros([3, 3, 1, 1])
  kernel[1] = 1.0
  assert not math.is_invertible(kernel, padding, image_size=singular)
  assert math.is_invertible(kernel, padding, image_size=regular)
  with pytest.raises(ValueError, match='`image_size` is None'):
    math.is_invertible(kernel, padding)
  with pytest.raises(ValueError, match=r'`image_size` is \(0, 3\)'):
    math.is_invertible(kernel, padding, image_size=(0, 3))


@pytest.mark.parametrize(
  ('kernel', 'padding', 'message'),
  [
    (np.ones([3, 3, 1]), 'top_left', r'`kernel` has shape \(3, 3, 1\)'),
    (np.ones([3, 2, 1, 1]), 'top_left', r'must be \[k, k, C, C\]'),
    (np.ones([0, 0, 1, 1]), 'top_left', 'k >= 1'),
    (np.full([1, 1, 1, 1], np.nan), 'top_left', 'not finite'),
    (np.ones([1, 1, 1, 1]), 'smae', "did you mean 'same'"),
  ],
)
def test_bad_input(kernel, padding, message):
  with pytest.raises(ValueError, match=message):
    math.is_invertible(kernel, padding)


@pytest.mark.parametrize('channels', [1, 2, 3, 7, 12])
def test_poster_counts_of_parameters(channels):
  """The right column of the table in the CInC Flow poster, for 3 x 3."""
  n = channels
  count = math.parameter_count
  cinc = tfp_cinc.bijectors.trainable_cinc_conv2d(n, 3)
  assert count(cinc) == 9 * n**2 - n * (n - 1) // 2
  autoregressive = tfp_cinc.bijectors.trainable_autoregressive_conv2d(
    n, 3, diagonal_block='plu'
  )
  assert count(autoregressive) == 5 * n**2
  emerging = tfp_cinc.bijectors.trainable_emerging_conv2d(
    n, 3, mask='raster', diagonal_block='plu'
  )
  assert count(emerging) == 10 * n**2


def test_counts_each_trained_variable_once():
  scale = tf.Variable(tf.ones([5]))
  fixed = tf.Variable(tf.ones([7]), trainable=False)
  shared = tfp.bijectors.Chain(
    [
      tfp.bijectors.Scale(scale),
      tfp.bijectors.Shift(fixed),
      tfp.bijectors.Scale(scale),
    ]
  )
  assert math.parameter_count(shared) == 5
  assert math.parameter_count(tfp.bijectors.Exp()) == 0


def test_counts_networks_and_flows():
  network = tf_keras.Sequential([tf_keras.layers.Dense(4, input_shape=[3])])
  assert math.parameter_count(network) == 3 * 4 + 4
  flow = models.glow([4, 4, 1], levels=1, depth=1, hidden_channels=2)
  step = 2 * 4 + 4**2  # ActNorm and the 1x1 convolution
  coupling = (9 * 2 * 2 + 2) + (2 * 2 + 2) + (9 * 2 * 4 + 4)
  assert math.parameter_count(flow) == step + coupling


def test_refuses_what_it_cannot_count():
  with pytest.raises(ValueError, match='`module` is of type list'):
    math.parameter_count([tfp.bijectors.Exp()])
  unbuilt = tf_keras.layers.Dense(4, name='later')
  with pytest.raises(ValueError, match="Keras layer 'later'"):
    math.parameter_count(unbuilt)
