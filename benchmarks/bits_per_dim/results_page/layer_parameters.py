"""Counts the parameters of layers, as the poster of CInC Flow does."""

from benchmarks.bits_per_dim.results_page.page import table
from tfp_cinc import bijectors, math

__all__ = ['layer_parameters']

_SIZES = (12, 24, 48)  # channels of the levels of a 32x32x3 flow


def layer_parameters() -> str:
  """Returns the section of the page on the parameters per layer."""
  layers = {
    'CInC 3x3, 9 n^2 - n (n - 1) / 2': (
      bijectors.trainable_cinc_conv2d,
      {'kernel_size': 3},
    ),
    'autoregressive 3x3 (poster: 5 n^2)': (
      bijectors.trainable_autoregressive_conv2d,
      {'kernel_size': 3, 'diagonal_block': 'plu'},
    ),
    'Emerging 3x3 with raster masks (poster: 10 n^2)': (
      bijectors.trainable_emerging_conv2d,
      {'kernel_size': 3, 'diagonal_block': 'plu', 'mask': 'raster'},
    ),
    'Emerging 3x3 as in its paper, from two 2x2': (
      bijectors.trainable_emerging_conv2d,
      {'kernel_size': 3},
    ),
    '1x1': (bijectors.trainable_one_by_one_conv2d, {}),
    'shift, then 1x1': (bijectors.trainable_shift_conv2d, {}),
  }
  lines = [
    [
      name,
      *(f'{math.parameter_count(make(size, **options)):,}' for size in _SIZES),
    ]
    for name, (make, options) in layers.items()
  ]
  return (
    '## Parameters per layer\n\n'
    'The number of parameters of a layer with n channels, counted from its '
    'variables. The formulas are those of the CInC poster.\n\n'
    '`python -m benchmarks.bits_per_dim --report`\n\n'
    + table(['layer', *(f'n = {size}' for size in _SIZES)], lines)
  )
