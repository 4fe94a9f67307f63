"""What the steps of image flows consist of, by name."""

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc import bijectors, networks
from tfp_cinc.bijectors.block_coupling import BlockCoupling
from tfp_cinc.bijectors.causal_conv2d import CORNERS
from tfp_cinc.bijectors.coupling_functions import (
  COUPLING_FUNCTIONS,
  SCALE_FUNCTIONS,
)
from tfp_cinc.bijectors.one_by_one_conv2d import PARAMETRIZATIONS
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.math.causal_conv import PADDINGS

__all__ = ['COUPLINGS', 'LAYERS', 'StepOptions']

tfb = tfp.bijectors

# From a word to the coupling's function and number of blocks.
COUPLINGS = {
  'additive': ('additive', 2),
  'affine': ('affine', 2),
  'quad': ('affine', 4),
  'logistic_mixture': ('logistic_mixture', 2),
  'spline': ('spline', 2),
}
_COMPONENTS = 8  # of a mixture, or bins of a spline

# Opposite corners follow each other: two layers see all around a pixel, and
# four favour none of its sides.
_IN_TURN = ('top_left', 'bottom_right', 'top_right', 'bottom_left')

# From a word to a function of (channels, options) that makes the layer.
LAYERS: dict[str, Callable[[int, 'StepOptions'], tfb.Bijector]] = {
  'one_by_one': lambda channels, options: bijectors.trainable_one_by_one_conv2d(
    channels,
    parametrization=options.parametrization,
    **options.variables(),
  ),
  'cinc': lambda channels, options: bijectors.trainable_cinc_conv2d(
    channels, options.kernel_size, **options.causal(), **options.variables()
  ),
  'autoregressive': lambda channels, options: (
    bijectors.trainable_autoregressive_conv2d(
      channels, options.kernel_size, **options.causal(), **options.variables()
    )
  ),
  'emerging': lambda channels, options: bijectors.trainable_emerging_conv2d(
    channels, options.kernel_size, **options.causal(), **options.variables()
  ),
  'periodic': lambda channels, options: bijectors.trainable_periodic_conv2d(
    channels, options.kernel_size, **options.variables()
  ),
  'shift': lambda channels, options: bijectors.trainable_shift_conv2d(
    channels,
    parametrization=options.parametrization,
    **options.variables(),
  ),
  'reverse': lambda channels, options: bijectors.ReverseChannels(options.dtype),
  'shuffle': lambda channels, options: bijectors.random_shuffle_channels(
    channels, **options.variables()
  ),
}


@dataclasses.dataclass
class StepOptions:
  """The arguments of `multiscale_flow` that steps depend on, checked."""

  layers: str = ''
  coupling: str = 'affine'
  coupling_blocks: int | None = None
  scale_function: str = 'sigmoid'
  network: str = 'glow'
  hidden_channels: int = 512
  kernel_size: int = 3
  padding: str = 'top_left'
  corner: str = 'triangular'
  parametrization: str = 'plu'
  condition_channels: int = 0
  seed: int | None = None
  dtype: tf.DType = tf.float32
  network_dtype: str | tf.DType | None = None

  def __post_init__(self):
    check_choice('coupling', self.coupling, COUPLINGS)
    check_choice('network', self.network, networks.NETWORKS)
    check_choice('padding', self.padding, (*PADDINGS, 'in_turn'))
    check_choice('corner', self.corner, CORNERS)
    check_choice('parametrization', self.parametrization, PARAMETRIZATIONS)
    check_choice('scale_function', self.scale_function, SCALE_FUNCTIONS)
    for word in self.layers.split('+') if self.layers else ():
      check_choice('layers', word, LAYERS)
    if self.hidden_channels < 1:
      raise ValueError(
        f'`hidden_channels` is {self.hidden_channels}; it must be at least 1.'
      )
    if self.coupling_blocks is not None and self.coupling_blocks < 2:
      raise ValueError(
        f'`coupling_blocks` is {self.coupling_blocks}; it must be at least 2.'
      )
    self._rng = np.random.default_rng(self.seed)
    self._paddings = itertools.cycle(
      _IN_TURN if self.padding == 'in_turn' else [self.padding]
    )

  def draw_seed(self) -> int:
    """Another seed for each part."""
    return int(self._rng.integers(2**31))

  def variables(self) -> dict:
    """Arguments of everything that has Variables."""
    return {'seed': self.draw_seed(), 'dtype': self.dtype}

  def causal(self) -> dict:
    """Arguments of the next causal convolution."""
    return {'padding': next(self._paddings), 'corner': self.corner}

  def step(self, channels: int) -> list[tfb.Bijector]:
    """ActNorm, the layers and a coupling of channels, in the image's order."""
    words = self.layers.split('+') if self.layers else []
    return [
      bijectors.trainable_act_norm(channels, dtype=self.dtype),
      *(LAYERS[word](channels, self) for word in words),
      self._coupling(channels),
    ]

  def checkerboard_step(self, channels: int, kept: str) -> list[tfb.Bijector]:
    """ActNorm and a coupling of the pixels of a checkerboard."""
    return [
      bijectors.trainable_act_norm(channels, dtype=self.dtype),
      self.checkerboard(channels, kept, 'coupling'),
    ]

  def checkerboard(self, channels: int, kept: str, name: str) -> tfb.Bijector:
    """A coupling of the pixels of a checkerboard."""
    function, _ = COUPLINGS[self.coupling]
    network = self._network(channels, channels * _num_parameters(function))
    return bijectors.CheckerboardCoupling(
      network, kept, function, self.scale_function, self.dtype, name=name
    )

  def split_prior(self, channels: int, name: str) -> tfb.Bijector:
    """The learned prior of the second half of the channels."""
    network = networks.zero_conv_network(
      channels // 2, channels, **self._network_options()
    )
    return bijectors.SplitPrior(network, self.dtype, name=name)

  def _coupling(self, channels):
    function, blocks = COUPLINGS[self.coupling]
    blocks = self.coupling_blocks or blocks
    if channels % blocks:
      raise ValueError(
        f'{channels} channels do not divide into the {blocks} blocks of the '
        'coupling.'
      )
    size, groups = channels // blocks, blocks - 1
    out_size = size * _num_parameters(function)
    if self.network == 'shared':
      parts = self._network(groups * size, groups * out_size, groups=groups)
    else:
      parts = [self._network(j * size, out_size) for j in range(1, blocks)]
    return BlockCoupling(
      parts, function, self.scale_function, self.dtype, name='coupling'
    )

  def _network(self, in_channels, out_channels, **options):
    return networks.NETWORKS[self.network](
      in_channels,
      out_channels,
      hidden_channels=self.hidden_channels,
      seed=self.draw_seed(),
      **self._network_options(),
      **options,
    )

  def _network_options(self):
    return {
      'condition_channels': self.condition_channels,
      'dtype': self.dtype,
      'network_dtype': self.network_dtype,
    }


def _num_parameters(function):
  return COUPLING_FUNCTIONS[function].num_parameters(_COMPONENTS)
