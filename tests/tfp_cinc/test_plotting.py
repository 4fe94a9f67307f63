"""Pictures of matrices: what is drawn is what the layer can do."""

import pathlib
import runpy
import sys

import matplotlib as mpl
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

mpl.use('Agg')

from matplotlib import pyplot

import tfp_cinc
from tfp_cinc import networks, plotting

tfb = tfp.bijectors

DOCS = pathlib.Path(__file__).parents[2] / 'docs'

WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)


@pytest.fixture(autouse=True)
def _close_figures():
  yield
  pyplot.close('all')


def draw(layer, image_size, channels):
  """The picture, [rows, columns, RGB]."""
  ax = plotting.plot_convolution_matrix(layer, image_size, channels)
  (image,) = ax.get_images()
  return np.asarray(image.get_array())


def kinds(picture):
  """'0' where an entry is zero, '1' where constant, 'a', 'b', ... by color."""
  letters = {WHITE: '0', BLACK: '1'}
  for color in picture.reshape([-1, 3]):
    letters.setdefault(tuple(color), chr(ord('a') + len(letters) - 2))
  return [''.join(letters[tuple(color)] for color in row) for row in picture]


def test_taps_of_a_causal_convolution():
  """Figure 3 of the paper, worked by hand: 2 x 2 taps on 2 x 2 pixels.

  Each row of the picture is an output pixel. The pixel itself is 'a'; from the
  left comes 'b', from above 'c' and from above left 'd'.
  """
  layer = tfp_cinc.bijectors.trainable_cinc_conv2d(1, 2, seed=0)
  assert kinds(draw(layer, (2, 2), 1)) == ['a000', 'ba00', 'c0a0', 'dcba']


def test_a_tap_has_one_color_for_all_pairs_of_channels():
  layer = tfp_cinc.bijectors.trainable_cinc_conv2d(
    2, 2, diagonal_block='plu', seed=0
  )
  assert kinds(draw(layer, (1, 2), 2)) == ['aa00', 'aa00', 'bbaa', 'bbaa']


def test_masked_and_constant_entries():
  """Figure 4: one weight of the last block is masked; and a unit diagonal."""
  triangular = tfp_cinc.bijectors.trainable_cinc_conv2d(2, 2, seed=0)
  upper = kinds(draw(triangular, (1, 2), 2))
  assert upper == ['aa00', '0a00', 'bbaa', 'bb0a']
  unit = tfp_cinc.bijectors.trainable_cinc_conv2d(
    2, 2, diagonal_block='unit', seed=0
  )
  assert kinds(draw(unit, (1, 2), 2)) == ['1a00', '0100', 'bb1a', 'bb01']


def test_without_variables_all_is_constant():
  rows = kinds(draw(tfb.Scale([2.0, 3.0]), (1, 1), 2))
  assert rows == ['10', '01']
  squeeze = draw(tfp_cinc.bijectors.Squeeze(), (2, 2), 1)
  assert kinds(squeeze) == ['1000', '0100', '0010', '0001']


@pytest.mark.parametrize('dtype', [tf.float32, tf.float64])
def test_rounding_is_no_entry(dtype):
  """The FFT of a periodic solve leaves none of the zeros exact."""
  kernel = np.zeros([1, 1, 1, 1])
  kernel[0, 0] = 2.0
  layer = tfp_cinc.bijectors.PeriodicConv2D(tf.Variable(kernel, dtype=dtype))
  rows = kinds(draw(tfb.Invert(layer), (2, 3), 1))
  assert rows == ['0' * i + 'a' + '0' * (5 - i) for i in range(6)]


def test_periodic_taps_count_their_way_around():
  kernel = np.ones([3, 3, 1, 1])
  layer = tfp_cinc.bijectors.PeriodicConv2D(
    tf.Variable(kernel, dtype=tf.float32)
  )
  rows = kinds(draw(layer, (1, 4), 1))
  assert rows == ['ab0c', 'cab0', '0cab', 'b0ca']


def test_any_callable_and_no_constant_term():
  network = networks.trainable_zero_conv_network(1, 1)
  assert kinds(draw(network, (1, 3), 1)) == ['ab0', 'cab', '0ca']
  shift = tfb.Shift(tf.Variable([1.0]))
  assert kinds(draw(tfb.Chain([shift, tfb.Scale(2.0)]), (1, 1), 1)) == ['1']


def test_variables_stay_as_they_are():
  layer = tfp_cinc.bijectors.trainable_cinc_conv2d(2, seed=0)
  before = [v.numpy() for v in layer.variables]
  draw(layer, (2, 2), 2)
  for variable, value in zip(layer.variables, before, strict=True):
    np.testing.assert_array_equal(variable, value)


def test_many_taps_have_colors_of_their_own():
  layer = tfp_cinc.bijectors.trainable_cinc_conv2d(1, 4, seed=0)
  picture = draw(layer, (4, 4), 1)
  assert len({tuple(color) for color in picture[-1]}) == 16


def test_marks_and_axes():
  _, ax = pyplot.subplots()
  layer = tfp_cinc.bijectors.trainable_cinc_conv2d(2, seed=0)
  assert plotting.plot_convolution_matrix(layer, (3, 2), 2, ax) is ax
  rows_of_pixels = np.array([0, 4, 8, 12]) - 0.5
  np.testing.assert_array_equal(ax.get_xticks(), rows_of_pixels)
  np.testing.assert_array_equal(ax.get_yticks(), rows_of_pixels)
  pixels = np.arange(0, 13, 2) - 0.5
  minor = ax.xaxis.get_minorticklocs()
  assert set(pixels) == set(minor) | set(rows_of_pixels)
  labels = [text.get_text() for text in ax.get_legend().get_texts()]
  assert labels == ['trained, by tap']


def test_refuses_what_has_no_matrix():
  with pytest.raises(ValueError, match='not affine'):
    plotting.plot_convolution_matrix(tfb.Exp(), (2, 2), 1)
  flat = tfb.Reshape([-1], event_shape_in=[2, 2, 1])
  with pytest.raises(ValueError, match=r'events of shape \(4,\)'):
    plotting.plot_convolution_matrix(flat, (2, 2), 1)


def test_names_the_extra_where_matplotlib_is_missing(monkeypatch):
  monkeypatch.setitem(sys.modules, 'matplotlib', None)
  with pytest.raises(ImportError, match=r'tfp_cinc\[plot\]'):
    plotting.plot_convolution_matrix(tfb.Exp(), (2, 2), 1)


def test_script_draws_what_the_docs_have(tmp_path):
  script = runpy.run_path(str(DOCS / 'draw_convolution_matrices.py'))
  script['main'](tmp_path)
  assert len(list(tmp_path.iterdir())) == 2
  for path in tmp_path.iterdir():
    drawn, kept = (
      pyplot.imread(folder / path.name)
      for folder in (tmp_path, DOCS / 'figures')
    )
    # Fonts differ a little from machine to machine.
    np.testing.assert_allclose(drawn.shape, kept.shape, rtol=0.02)
