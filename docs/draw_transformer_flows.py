"""Draws the figures of docs/transformers.md.

python docs/draw_transformer_flows.py
"""

import pathlib

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np

FIGURES = pathlib.Path(__file__).parent / 'figures'
KEPT, CHANGED, NETWORK = '#d6d6d6', '#f2a65a', '#5b8db8'


def _grid(axes, left, bottom, colors, size=0.28, numbers=None):
  """Draws a grid of patches, given their colors from the top row down."""
  rows, columns = len(colors), len(colors[0])
  for i in range(rows):
    for j in range(columns):
      corner = (left + j * size, bottom + (rows - 1 - i) * size)
      axes.add_patch(
        plt.Rectangle(corner, size, size, facecolor=colors[i][j], edgecolor='w')
      )
      if numbers is not None:
        middle = (corner[0] + size / 2, corner[1] + size / 2)
        axes.text(*middle, numbers[i][j], ha='center', va='center', fontsize=8)


def _box(axes, left, bottom, width, height, text):
  axes.add_patch(
    plt.Rectangle((left, bottom), width, height, facecolor=NETWORK, alpha=0.85)
  )
  middle = (left + width / 2, bottom + height / 2)
  axes.text(*middle, text, ha='center', va='center', color='w', fontsize=9)


def _arrow(axes, start, end, **style):
  axes.annotate(
    '', end, start, arrowprops={'arrowstyle': '->', 'color': '0.3', **style}
  )


def _canvas(width, height):
  figure, axes = plt.subplots(figsize=(width, height))
  axes.set_xlim(0, width)
  axes.set_ylim(0, height)
  axes.set_aspect('equal')
  axes.axis('off')
  return figure, axes


def draw_jet():
  """Draws the two kinds of couplings of Jet."""
  figure, axes = _canvas(9.6, 3.0)
  for left, title, kept in (
    (0.2, 'four couplings of channels', 'channels'),
    (5.1, 'then one of patches', 'patches'),
  ):
    axes.text(left + 2.1, 2.75, title, ha='center', fontsize=11)
    if kept == 'channels':
      for shift, color in ((0.0, CHANGED), (0.3, KEPT)):
        _grid(axes, left + shift, 0.75 + shift, [[color] * 4] * 4)
        _grid(axes, left + 2.9 + shift, 0.75 + shift, [[color] * 4] * 4)
      text = 'gray: half of the channels,\nwhich the network reads'
    else:
      board = np.indices([4, 4]).sum(axis=0) % 2
      colors = np.where(board, CHANGED, KEPT)
      _grid(axes, left + 0.15, 0.9, colors)
      _grid(axes, left + 3.05, 0.9, colors)
      text = 'gray: half of the patches,\nwhich the network reads'
    _box(axes, left + 1.62, 1.15, 1.1, 0.7, 'vision\ntransformer')
    _arrow(axes, (left + 1.42, 1.5), (left + 1.62, 1.5))
    _arrow(axes, (left + 2.72, 1.5), (left + 2.95, 1.5))
    axes.text(left + 0.72, 0.28, text, ha='center', va='center', fontsize=8)
    axes.text(
      left + 3.6,
      0.28,
      'orange: the other half,\ny = (x + shift) * scale',
      ha='center',
      va='center',
      fontsize=8,
    )
  return figure


def draw_tarflow():
  """Draws two blocks of TarFlow."""
  figure, axes = _canvas(9.6, 3.0)
  for left, title, is_reversed in (
    (0.2, 'a block in raster order', False),
    (5.1, 'the next block, reversed', True),
  ):
    axes.text(left + 2.1, 2.75, title, ha='center', fontsize=11)
    places = np.arange(16).reshape([4, 4])
    place = 9
    order = 15 - places if is_reversed else places
    seen = order < place
    colors = np.where(seen, KEPT, 'white')
    colors[order == place] = CHANGED
    _grid(axes, left + 0.15, 0.9, colors, numbers=order + 1)
    _box(axes, left + 1.62, 1.15, 1.1, 0.7, 'causal\ntransformer')
    _arrow(axes, (left + 1.3, 1.5), (left + 1.62, 1.5))
    _arrow(axes, (left + 2.72, 1.5), (left + 3.0, 1.5))
    axes.text(
      left + 0.72,
      0.42,
      f'patches 1 to {place}',
      ha='center',
      va='center',
      fontsize=8,
    )
    axes.text(
      left + 3.72,
      1.5,
      f'shift and scale\nof patch {place + 1}',
      ha='center',
      va='center',
      fontsize=9,
    )
  axes.text(
    4.8,
    0.1,
    'density: all patches in one pass      sampling: one patch after the other',
    ha='center',
    fontsize=9,
  )
  return figure


def main():
  """Writes the figures."""
  for name, draw in (('jet', draw_jet), ('tarflow', draw_tarflow)):
    figure = draw()
    figure.savefig(FIGURES / f'{name}.png', dpi=110, bbox_inches='tight')
    plt.close(figure)


if __name__ == '__main__':
  main()
