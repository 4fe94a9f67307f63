"""Convolutions against dense matrices that are built entry by entry.

The matrices come from Definitions 1 to 3 of CInC Flow in NumPy alone; they
share no code with the layers. To check another layer of convolutions, say in
`MATRICES` what its matrix is and add a line to `LAYERS`.
"""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

import tfp_cinc

PADDINGS = ['top_left', 'top_right', 'bottom_left', 'bottom_right']


def convolution_matrix(kernel, image_size, margins, dilation=1):
  """Definition 3: the matrix of x -> pad(x) * kernel, on row-major vectors.

  Args:
    kernel: array [rows, columns, C, C].
    image_size: (H, W).
    margins: (t, b, l, r) of Definition 2: rows of zeros at the top and bottom,
      columns at the left and right.
    dilation: the distance between taps; Definition 1 has 1.

  Returns:
    Array [H * W * C, H * W * C].
  """
  rows, columns, channels, _ = kernel.shape
  height, width = image_size
  top, bottom, left, right = margins
  assert top + bottom == (rows - 1) * dilation  # the output is as large
  assert left + right == (columns - 1) * dilation
  matrix = np.zeros([height, width, channels, height, width, channels])
  for i, j, a, b in np.ndindex(height, width, rows, columns):
    from_row, from_column = i + a * dilation - top, j + b * dilation - left
    if 0 <= from_row < height and 0 <= from_column < width:
      for c_in, c_out in np.ndindex(channels, channels):
        matrix[i, j, c_out, from_row, from_column, c_in] += kernel[
          a, b, c_in, c_out
        ]
  return matrix.reshape([height * width * channels] * 2)


def flipped(matrix, image_size, padding):
  """The matrix of the same map between flipped images."""
  size = [*image_size, len(matrix) // (image_size[0] * image_size[1])]
  order = np.arange(len(matrix)).reshape(size)
  if padding.startswith('bottom'):
    order = order[::-1]
  if padding.endswith('right'):
    order = order[:, ::-1]
  order = order.ravel()
  return matrix[np.ix_(order, order)]


def cinc_matrix(layer, image_size):
  """Zeros at the top and the left, but for flips."""
  kernel = layer.kernel.numpy()
  reach = (len(kernel) - 1) * layer.dilation
  margins = (reach, 0, reach, 0)
  matrix = convolution_matrix(kernel, image_size, margins, layer.dilation)
  return flipped(matrix, image_size, layer.padding)


def autoregressive_matrix(layer, image_size):
  """Zeros at the top and both sides, but for flips; some taps are masked."""
  kernel = layer.kernel.numpy()
  half = kernel.shape[1] // 2
  assert not kernel[-1, half + 1 :].any()
  matrix = convolution_matrix(kernel, image_size, (half, 0, half, half))
  return flipped(matrix, image_size, layer.padding)


def emerging_matrix(layer, image_size):
  second, first = (matrix_of(part, image_size) for part in layer.bijectors)
  return second @ first


def one_by_one_matrix(layer, image_size):
  kernel = layer.matrix.dense().numpy()[np.newaxis, np.newaxis]
  return convolution_matrix(kernel, image_size, (0, 0, 0, 0))


def periodic_matrix(layer, image_size):
  """The image repeated all around itself, and its middle taken."""
  kernel = layer.kernel.numpy()
  channels, (height, width) = kernel.shape[-1], image_size
  before = (len(kernel) - 1) // 2
  after = len(kernel) - 1 - before
  margins = (before, after, before, after)
  around = (3 * height, 3 * width)
  matrix = convolution_matrix(kernel, around, margins).reshape(
    [3, height, 3, width, channels] * 2
  )
  middle = matrix[1, :, 1]  # of the output; the input's copies are one image
  return middle.sum(axis=(3, 5)).reshape([height * width * channels] * 2)


MATRICES = {
  tfp_cinc.bijectors.CInCConv2D: cinc_matrix,
  tfp_cinc.bijectors.AutoregressiveConv2D: autoregressive_matrix,
  tfp_cinc.bijectors.EmergingConv2D: emerging_matrix,
  tfp_cinc.bijectors.OneByOneConv2D: one_by_one_matrix,
  tfp_cinc.bijectors.PeriodicConv2D: periodic_matrix,
}


def matrix_of(layer, image_size):
  return MATRICES[type(layer)](layer, image_size)


def check(layer, image_size, channels):
  """Forward, inverse and log-det of a layer in float64 against its matrix."""
  matrix = matrix_of(layer, image_size)
  size, rng = len(matrix), np.random.default_rng(1)
  x = rng.normal(size=[2, *image_size, channels])
  bias = np.zeros(channels)
  if getattr(layer, 'bias', None) is not None:
    bias = layer.bias.numpy()
    assert bias.any()
  bias = np.tile(bias, size // channels)

  y = layer.forward(tf.constant(x))
  expected = x.reshape([2, size]) @ matrix.T + bias
  np.testing.assert_allclose(np.reshape(y, [2, size]), expected, atol=1e-11)

  solved = layer.inverse(tf.constant(x))
  expected = np.linalg.solve(matrix, (x.reshape([2, size]) - bias).T).T
  np.testing.assert_allclose(
    np.reshape(solved, [2, size]), expected, rtol=1e-9, atol=1e-9
  )

  log_det = layer.forward_log_det_jacobian(tf.constant(x), event_ndims=3)
  expected = np.linalg.slogdet(matrix)[1]
  np.testing.assert_allclose(log_det, expected, rtol=1e-11, atol=1e-11)
  log_det = layer.inverse_log_det_jacobian(tf.constant(x), event_ndims=3)
  np.testing.assert_allclose(log_det, -expected, rtol=1e-11, atol=1e-11)


@hypothesis.given(
  kernel_size=st.integers(1, 4),
  channels=st.integers(1, 3),
  image_size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
  padding=st.sampled_from(PADDINGS),
  dilation=st.integers(1, 3),
  bias=st.sampled_from([None, 1.5]),
  seed=st.integers(0, 99),
)
@hypothesis.settings(
  max_examples=40, deadline=None, derandomize=True, database=None
)
def test_any_kernel(
  kernel_size, channels, image_size, padding, dilation, bias, seed
):
  rng = np.random.default_rng(seed)
  kernel = rng.normal(size=[kernel_size, kernel_size, channels, channels])
  kernel *= 0.3 / np.sqrt(channels)
  kernel[-1, -1] += rng.permutation(np.diag(rng.choice([-1.0, 1.0], channels)))
  layer = tfp_cinc.bijectors.CInCConv2D.from_kernel(
    kernel,
    None if bias is None else np.full(channels, bias),
    padding=padding,
    dilation=dilation,
  )
  np.testing.assert_allclose(layer.kernel, kernel, atol=1e-14)
  check(layer, image_size, channels)


# Name: (factory, its options, channels, image size).
LAYERS = {
  'cinc-triangular': ('cinc', {'use_bias': True}, 3, (4, 3)),
  'cinc-unit': ('cinc', {'diagonal_block': 'unit', 'dilation': 2}, 2, (5, 4)),
  'cinc-plu': ('cinc', {'diagonal_block': 'plu', 'kernel_size': 2}, 3, (3, 4)),
  **{
    f'autoregressive-{padding}': (
      'autoregressive',
      {'padding': padding, 'diagonal_block': 'plu', 'use_bias': True},
      2,
      (3, 5),
    )
    for padding in PADDINGS
  },
  'autoregressive-k5': ('autoregressive', {'kernel_size': 5}, 1, (4, 4)),
  'emerging-square': ('emerging', {}, 2, (4, 3)),
  'emerging-raster': ('emerging', {'mask': 'raster'}, 2, (3, 4)),
  'emerging-k5': (
    'emerging',
    {'kernel_size': 5, 'padding': 'top_right', 'diagonal_block': 'plu'},
    1,
    (5, 4),
  ),
  'one_by_one': ('one_by_one', {}, 4, (2, 3)),
  'periodic': ('periodic', {'use_bias': True}, 2, (4, 5)),
  'periodic-k4': ('periodic', {'kernel_size': 4}, 2, (4, 3)),
}


@pytest.mark.parametrize('name', LAYERS)
def test_trainable_layers(name):
  kind, options, channels, image_size = LAYERS[name]
  factory = getattr(tfp_cinc.bijectors, f'trainable_{kind}_conv2d')
  layer = factory(channels, **options, seed=1, dtype=tf.float64)
  rng = np.random.default_rng(2)
  for variable in layer.trainable_variables:
    variable.assign_add(0.1 * rng.normal(size=variable.shape))
  check(layer, image_size, channels)


def test_figure_1_is_not_what_figure_3_is():
  """With zeros on all sides the matrix is not triangular, as the paper says."""
  kernel = np.random.default_rng(0).normal(size=[3, 3, 2, 2])
  on_all_sides = convolution_matrix(kernel, (4, 4), (1, 1, 1, 1))
  on_two_sides = convolution_matrix(kernel, (4, 4), (2, 0, 2, 0))
  above = np.triu_indices(16, 1)

  def blocks(matrix):
    return matrix.reshape([16, 2, 16, 2])[above[0], :, above[1], :]

  assert blocks(on_all_sides).any()
  assert not blocks(on_two_sides).any()
