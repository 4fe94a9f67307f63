"""Pictures of the matrices of linear layers, as in the CInC Flow paper."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfp_cinc.internal.functional import reading
from tfp_cinc.math.linear_map import linear_map_matrix

__all__ = ['plot_convolution_matrix']

_DRAWS = 3  # one draw alone may come close to zero by chance
_CONSTANT_COLOR = 'black'


def plot_convolution_matrix(
  layer: Callable[[tf.Tensor], tf.Tensor],
  image_size: tuple[int, int],
  channels: int,
  ax=None,
):
  """Draws the dense matrix of a linear layer of images.

  Zeros are white, constants (such as the ones of a unit diagonal) are black
  and what the layer's trainable Variables decide has a colour for each tap,
  that is for each distance from input to output pixel, modulo the image's
  size: the entries of a tap between different channels look alike. Thin lines
  part the pixels, thick ones the rows of pixels.

  What counts is which values an entry can take, not the present one: the
  Variables stay as they are, but the matrix is taken with random numbers added
  to them. An entry below a thousand machine epsilons of the largest counts as
  zero, as the rounding of an FFT should. A constant term has no place here and
  is left out.

  CInC Flow (Nagar, Dufraisse and Varma 2021), figures 1, 3 and 4; its poster,
  column 'Matrix'.

  Args:
    layer: a bijector, of which `forward` is drawn (see `tfb.Invert` for the
      other direction), or any callable from [N, H, W, C] to images, affine in
      them. Without Variables all that is not zero is constant.
    image_size: (H, W). Keep it small: the matrix is computed entry by entry.
    channels: C.
    ax: matplotlib `Axes` to draw in; None makes a figure.

  Returns:
    The `Axes`.

  Raises:
    ImportError: if matplotlib is missing.
    ValueError: if the layer is not affine in its input or makes other than
      images.

  #### Example

  >>> layer = tfp_cinc.trainable_cinc_conv2d(channels=2)
  >>> plot_convolution_matrix(layer, (4, 4), 2).get_xlabel()
  'input pixel'
  """
  try:
    from matplotlib import colors as mcolors
    from matplotlib import pyplot
  except ImportError as error:
    raise ImportError(
      'plot_convolution_matrix draws with matplotlib, which is missing: '
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
  """The entries that Variables decide, the constant ones, and [H', W', C']."""
  function = getattr(layer, 'forward', layer)
  variables = list(getattr(layer, 'trainable_variables', ()))
  dtype = tf.as_dtype(getattr(layer, 'dtype', None) or tf.float32)
  shape = [*image_size, channels]
  out_shape = function(tf.zeros([1, *shape], dtype)).shape[1:]
  if out_shape.rank != 3:
    raise ValueError(
      f'`layer` makes events of shape {out_shape}; it must make images '
      '[H, W, C].'
    )
  # Eagerly: so a layer that is not affine is found out.
  matrices = linear_map_matrix(function, shape, dtype)[tf.newaxis]
  if variables:
    matrices = _drawn_matrices(function, shape, dtype, variables)
  matrices = np.asarray(matrices)
  rounding = 1e3 * np.finfo(matrices.dtype).eps * np.max(np.abs(matrices))
  is_trained = np.ptp(matrices, axis=0) > rounding
  is_constant = ~is_trained & (np.abs(matrices[0]) > rounding)
  return is_trained, is_constant, out_shape


def _drawn_matrices(function, shape, dtype, variables):
  """Matrices for random values of the Variables, which stay as they are."""

  def matrix_for(values):
    with reading(variables, values):
      return linear_map_matrix(function, shape, dtype)

  # Calls of a new tf.function for each layer would warn of their traces.
  specs = [tf.TensorSpec(v.shape, v.dtype) for v in variables]
  traced = tf.function(matrix_for, autograph=False)
  traced = traced.get_concrete_function(specs)
  rng = np.random.default_rng(0)
  matrices = []
  for _ in range(_DRAWS):
    changes = [tf.cast(rng.normal(0, 0.3, v.shape), v.dtype) for v in variables]
    values = [v + change for v, change in zip(variables, changes, strict=True)]
    matrices.append(traced(*values))
  return tf.stack(matrices)


def _taps(out_shape, in_shape):
  """A number for each distance from input to output pixel, for all entries."""
  height, width = in_shape[:2]
  (to_row, to_column, _), (from_row, from_column, _) = (
    np.indices(shape).reshape([3, -1]) for shape in (out_shape, in_shape)
  )
  down = np.subtract.outer(to_row, from_row) % height
  right = np.subtract.outer(to_column, from_column) % width
  return down * width + right


def _tap_colors(count):
  """RGB colors that stay apart for every kind of colour vision."""
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
  """Lines between the pixels along one axis of the matrix, and no numbers."""
  height, width, channels = shape
  edges = np.arange(height * width + 1) * channels - 0.5
  axis.set_ticks(edges[::width])
  axis.set_ticks(edges, minor=True)
  axis.grid(which='minor', color='0.8', linewidth=0.3)
  axis.grid(which='major', color='0.3', linewidth=0.8)
  axis.set_tick_params(which='both', length=0)
  axis.set_ticklabels([])
