"""Draws the matrices of convolutions into docs/figures.

  python docs/draw_convolution_matrices.py

The figures show invertible convolutions of 4 x 4 images, as in figures 1, 3 and
4 of CInC Flow (Nagar, Dufraisse and Varma 2021) and in the table of its poster.
"""

import pathlib

import matplotlib as mpl

mpl.use('Agg')

from matplotlib import pyplot

from tfp_cinc import bijectors, networks, plotting

FIGURES = pathlib.Path(__file__).parent / 'figures'
IMAGE_SIZE = (4, 4)

# Factories that take the number of channels. All kernels are 3 x 3, except for
# the 1x1 convolution.
LAYERS = {
  'CInCConv2D': bijectors.trainable_cinc_conv2d,
  'OneByOneConv2D': bijectors.trainable_one_by_one_conv2d,
  'AutoregressiveConv2D': bijectors.trainable_autoregressive_conv2d,
  'EmergingConv2D': bijectors.trainable_emerging_conv2d,
  'PeriodicConv2D': bijectors.trainable_periodic_conv2d,
}

PAPER_FIGURES = {
  'Figure 1: padded on all sides': lambda channels: (
    networks.trainable_zero_conv_network(channels, channels)
  ),
  'Figure 3: padded on two sides': lambda channels: (
    bijectors.trainable_cinc_conv2d(channels, diagonal_block='plu')
  ),
  'Figure 4: a weight masked': lambda channels: bijectors.trainable_cinc_conv2d(
    channels, diagonal_block='triangular'
  ),
}


def draw(layers, channel_counts, path):
  """Draws a figure with a row of matrices for each number of channels.

  Args:
    layers: Mapping from titles to functions of the number of channels that
      return a layer.
    channel_counts: List of numbers of channels.
    path: Path of the PNG file.
  """
  shape = len(channel_counts), len(layers)
  figure, grid = pyplot.subplots(
    *shape,
    figsize=[2.8 * shape[1], 3.7 * shape[0]],
    layout='constrained',
    squeeze=False,
  )
  for row, channels in zip(grid, channel_counts, strict=True):
    for ax, (name, make) in zip(row, layers.items(), strict=True):
      plotting.plot_convolution_matrix(make(channels), IMAGE_SIZE, channels, ax)
      unit = 'channel' if channels == 1 else 'channels'
      ax.set_title(f'{name}\n{channels} {unit}', fontsize='medium')
  figure.savefig(path, dpi=100, bbox_inches='tight')
  pyplot.close(figure)


def main(folder: pathlib.Path = FIGURES) -> None:
  """Writes all figures to a folder."""
  folder.mkdir(exist_ok=True)
  draw(PAPER_FIGURES, [2], folder / 'cinc_flow_paper_matrices.png')
  draw(LAYERS, [1, 2], folder / 'convolution_matrices.png')


if __name__ == '__main__':
  main()
