"""Plots of the matrices of linear layers, as in the CInC Flow paper."""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.adapted import as_flow_bijector
from tfp_cinc.math.linear_map import linear_map_matrix

if TYPE_CHECKING:
  from matplotlib.axes import Axes

__all__ = ['plot_convolution_matrix']

_DRAWS = 3  # a single draw may be close to zero by chance
_CONSTANT_COLOR = 'black'


def plot_convolution_matrix(
  layer: Callable[[tf.Tensor], tf.Tensor],
  image_size: tuple[int, int],
  channels: int,
  ax: 'Axes | None' = None,
) -> 'Axes':
  """Draws the dense matrix of a linear layer of images.

  Zeros are white. Constants, such as the ones of a unit diagonal, are black.
  Entries that depend on the layer's trainable Variables have one color per tap.
  A tap is a displacement from input to output pixel, modulo the image size. The
  entries of a tap for different pairs of channels have the same color. Thin
  lines separate pixels, thick lines separate rows of pixels.

  An entry is classified by the values that it can take, not by its current
  value: the matrix is computed several times with random numbers added to a
  copy of the Variables. An entry counts as zero if it is less than 1000 machine
  epsilons times the largest entry, which covers the rounding errors of an FFT.
  A constant term of the layer is ignored.

  Args:
    layer: Bijector, whose `forward` is drawn (use `tfb.Invert` for the
      inverse), or any affine callable from [N, H, W, C] to images. Without
      Variables, all nonzero entries count as constants.
    image_size: Height and width (H, W) of the images. They should be small,
      because the matrix is dense.
    channels: Number of channels C.
    ax: Matplotlib `Axes` to draw in. None creates a figure.

  Returns:
    Matplotlib `Axes` with the plot.

  Raises:
    ImportError: If matplotlib is not installed.
    ValueError: If the layer is not affine in its input, or does not return
      images.

  #### Example

  >>> layer = tfp_cinc.bijectors.trainable_cinc_conv2d(channels=2)
  >>> plot_convolution_matrix(layer, (4, 4), 2).get_xlabel()
  'input pixel'

  #### References

  Nagar, Dufraisse and Varma 2021, [CInC Flow](
  https://arxiv.org/abs/2107.01358), figures 1, 3 and 4, and the column 'Matrix'
  of its poster.
  """
  try:
    from matplotlib import colors as mcolors
    from matplotlib import pyplot
  except ImportError as error:
    raise ImportError(
      '`plot_convolution_matrix` needs matplotlib, which is not installed: '
      "pip install 'tfp_cinc[plot]'."
    ) from error

  is_trained, is_constant, out_shape = _entries(layer, image_size, channels)
  in_shape = [*image_size, channels]
  taps = np.where(is_trained, _taps(out_shape, in_shape), -1)
  used = np.unique(taps[taps >= 0])
  colors = _tap_colors(len(used))

  picture = np.ones([*taps.shape, 3])
  picture[is_constant] = mcolors.to_rgb(_CONSTANT_COLOR)
  for tap, color in zip(used, colors, strict=True):
    picture[taps == tap] = color

  if ax is None:
    ax = pyplot.figure(figsize=[4, 4], layout='constrained').add_subplot()
  ax.imshow(picture, interpolation='nearest')
  ax.set_axisbelow(False)
  for axis, shape in ((ax.yaxis, out_shape), (ax.xaxis, in_shape)):
    _mark_pixels(axis, shape)
  ax.set_xlabel('input pixel')
  ax.set_ylabel('output pixel')
  _add_legend(ax, colors, is_constant.any())
  return ax


def _entries(layer, image_size, channels):
  """Returns masks of trained and constant entries, and [H', W', C']."""
  function = getattr(layer, 'forward', layer)
  dtype = tf.as_dtype(getattr(layer, 'dtype', None) or tf.float32)
  shape = [*image_size, channels]
  out_shape = function(tf.zeros([1, *shape], dtype)).shape[1:]
  if out_shape.rank != 3:
    raise ValueError(
      f'`layer` returns events of shape {out_shape}; it must return images '
      '[H, W, C].'
    )
  # Eager execution raises an error for a layer that is not affine.
  matrices = linear_map_matrix(function, shape, dtype)[tf.newaxis]
  if getattr(layer, 'trainable_variables', ()):
    matrices = _drawn_matrices(layer, shape, dtype)
  matrices = np.asarray(matrices)
  rounding = 1e3 * np.finfo(matrices.dtype).eps * np.max(np.abs(matrices))
  is_trained = np.ptp(matrices, axis=0) > rounding
  is_constant = ~is_trained & (np.abs(matrices[0]) > rounding)
  return is_trained, is_constant, out_shape


def _drawn_matrices(layer, shape, dtype):
  """Returns the matrices for several random values of the Variables."""
  if isinstance(layer, tfp.bijectors.Bijector):
    layer = as_flow_bijector(layer)  # a `tfb.Invert` cannot be copied
  other = copy.deepcopy(layer)
  starts = [tf.identity(v) for v in other.trainable_variables]
  rng = np.random.default_rng(0)
  matrices = []
  for _ in range(_DRAWS):
    for v, start in zip(other.trainable_variables, starts, strict=True):
      v.assign(start + tf.cast(rng.normal(0, 0.3, v.shape), v.dtype))
    function = getattr(other, 'forward', other)
    matrices.append(linear_map_matrix(function, shape, dtype))
  return tf.stack(matrices)


def _taps(out_shape, in_shape):
  """Returns the number of the tap of each entry."""
  height, width = in_shape[:2]
  (to_row, to_column, _), (from_row, from_column, _) = (
    np.indices(shape).reshape([3, -1]) for shape in (out_shape, in_shape)
  )
  down = np.subtract.outer(to_row, from_row) % height
  right = np.subtract.outer(to_column, from_column) % width
  return down * width + right


def _tap_colors(count):
  """Returns RGB colors that color-blind readers can distinguish too."""
  import matplotlib

  if count <= 10:
    named = matplotlib.color_sequences['petroff10'][:count]
    return [matplotlib.colors.to_rgb(color) for color in named]
  return matplotlib.colormaps['cividis'](np.linspace(0.1, 0.95, count))[:, :3]


def _add_legend(ax, colors, has_constants):
  from matplotlib.legend_handler import HandlerTuple
  from matplotlib.patches import Patch

  entries = {}
  if len(colors):
    shown = colors[:: max(1, len(colors) // 4)][:4]
    entries['trained, by tap'] = tuple(Patch(color=color) for color in shown)
  if has_constants:
    entries['constant'] = Patch(color=_CONSTANT_COLOR)
  if entries:
    ax.legend(
      [*entries.values()],
      [*entries],
      handler_map={tuple: HandlerTuple(ndivide=None, pad=0.0)},
      loc='upper center',
      bbox_to_anchor=(0.5, -0.1),
      frameon=False,
      fontsize='small',
      ncols=2,
    )


def _mark_pixels(axis, shape):
  """Draws lines between the pixels along one axis of the matrix."""
  height, width, channels = shape
  edges = np.arange(height * width + 1) * channels - 0.5
  axis.set_ticks(edges[::width])
  axis.set_ticks(edges, minor=True)
  axis.grid(which='minor', color='0.8', linewidth=0.3)
  axis.grid(which='major', color='0.3', linewidth=0.8)
  axis.set_tick_params(which='both', length=0)
  axis.set_ticklabels([])
