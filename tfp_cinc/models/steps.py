"""The steps of image flows, specified by names or by objects.

The names are the keys of the tables below, which make the module longer than
300 lines.
"""

import functools
import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc import bijectors, networks
from tfp_cinc.bijectors.block_coupling import BlockCoupling
from tfp_cinc.bijectors.causal_conv2d import DIAGONAL_BLOCKS
from tfp_cinc.bijectors.coupling_functions import (
  CouplingFunction,
  as_coupling_function,
)
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.seeds import seed_stream
from tfp_cinc.internal.shapes import check_sizes
from tfp_cinc.math.causal_conv import PADDINGS
from tfp_cinc.matrices import MATRICES
from tfp_cinc.models.base import check_conditional_base

__all__ = ['COUPLINGS', 'LAYERS', 'StepFactory']

tfb = tfp.bijectors

# Returns a layer; called as `factory(channels, seed=..., dtype=...)`.
LayerFactory: TypeAlias = Callable[..., tfb.Bijector]


def _reverse_channels(channels, *, dtype):
  """Returns a `ReverseChannels`; accepts the arguments of a factory."""
  del channels
  return bijectors.ReverseChannels(dtype)


def _injector(channels, *, network, dtype):
  """Returns a `ConditionalPrior` of an image; accepts factory arguments."""
  return bijectors.ConditionalPrior(
    network(1, 2 * channels), dtype, name='injector'
  )


@functools.wraps(bijectors.trainable_cinc_conv2d, assigned=())
def _inverse_cinc(channels, **options):
  """Returns the `Inverse` of a `CInCConv2D`; accepts factory arguments."""
  layer = bijectors.trainable_cinc_conv2d(channels, **options)
  return bijectors.Inverse(layer, name='inverse_cinc_conv2d')


# Maps names to factories of layers. A factory also receives the options of
# `StepFactory` that it has as arguments: `kernel_size`, `padding`, ..., and
# `network`, the function that returns the networks of the couplings.
LAYERS: dict[str, LayerFactory] = {
  'one_by_one': bijectors.trainable_one_by_one_conv2d,
  'cinc': bijectors.trainable_cinc_conv2d,
  'inverse_cinc': _inverse_cinc,
  'autoregressive': bijectors.trainable_autoregressive_conv2d,
  'emerging': bijectors.trainable_emerging_conv2d,
  'periodic': bijectors.trainable_periodic_conv2d,
  'shift': bijectors.trainable_shift_conv2d,
  'reverse': _reverse_channels,
  'shuffle': bijectors.random_shuffle_channels,
  'injector': _injector,
}

# Maps names to the function of a coupling and its number of blocks.
COUPLINGS = {
  'additive': ('additive', 2),
  'affine': ('affine', 2),
  'quad': ('affine', 4),
  'logistic_mixture': ('logistic_mixture', 2),
  'spline': ('spline', 2),
}

_COMPONENTS = 8  # components of a mixture, bins of a spline

# Opposite paddings follow each other, so that two consecutive layers see all
# sides of a pixel, and four see them equally.
_IN_TURN = ('top_left', 'bottom_right', 'top_right', 'bottom_left')


class StepFactory:
  """Builds the steps of a flow, each with new Variables.

  The arguments are those of `multiscale_flow` that concern steps.
  """

  def __init__(
    self,
    *,
    layers: str | Sequence[str | LayerFactory] = (),
    coupling='affine',
    coupling_blocks: int | None = None,
    scale_function: str | Callable | None = None,
    network: str | Callable = 'glow',
    hidden_channels: int = 512,
    network_options: Mapping | None = None,
    kernel_size: int = 3,
    padding: str = 'top_left',
    dilation: int = 1,
    use_bias: bool = False,
    diagonal_block: str = 'triangular',
    parametrization: str = 'plu',
    condition_channels: int = 0,
    seed: int | None = None,
    dtype=tf.float32,
    network_dtype=None,
  ):
    """Checks and stores the arguments.

    Raises:
      ValueError: If an argument is not as `multiscale_flow` describes it.
    """
    if isinstance(layers, str):
      layers = layers.split('+') if layers else []
    elif callable(layers):
      layers = [layers]
    for layer in layers:
      if not callable(layer):
        check_choice('layers', layer, LAYERS)
    if 'injector' in layers and not condition_channels:
      raise ValueError(
        "`layers` contains 'injector' and `condition_channels` is 0; an "
        'injector needs a condition.'
      )
    self._layers = list(layers)
    check_choice('padding', padding, (*PADDINGS, 'in_turn'))
    check_choice('diagonal_block', diagonal_block, DIAGONAL_BLOCKS)
    check_choice('parametrization', parametrization, MATRICES)
    self._options = {
      'kernel_size': kernel_size,
      'dilation': dilation,
      'use_bias': use_bias,
      'diagonal_block': diagonal_block,
      'parametrization': parametrization,
      'network': self._network,
    }
    self._paddings = itertools.cycle(
      _IN_TURN if padding == 'in_turn' else [padding]
    )
    self._set_coupling(coupling, coupling_blocks, scale_function)
    self._set_network(network, hidden_channels, network_options)
    self._network_options |= {
      'condition_channels': condition_channels,
      'dtype': dtype,
      'network_dtype': network_dtype,
    }
    self._dtype = dtype
    self._seeds = seed_stream(seed)

  def step(self, channels: int) -> list[tfb.Bijector]:
    """Returns ActNorm, the layers and a coupling, from image to latent.

    Args:
      channels: Number of channels of the image.

    Raises:
      ValueError: If the channels cannot be divided into the blocks of the
        coupling, or a layer cannot be built for them.
    """
    return [
      bijectors.trainable_act_norm(channels, dtype=self._dtype),
      *self.layers(channels),
      self.coupling(channels),
    ]

  def layers(self, channels: int) -> list[tfb.Bijector]:
    """Returns the layers before a coupling, from image to latent.

    Args:
      channels: Number of channels of the image.

    Raises:
      ValueError: If a layer cannot be built for this number of channels.
    """
    return [self._layer(layer, channels) for layer in self._layers]

  def checkerboard_step(self, channels: int, kept: str) -> list[tfb.Bijector]:
    """Returns ActNorm and a coupling of the pixels of a checkerboard.

    Args:
      channels: Number of channels of the image.
      kept: Pixels that stay unchanged, 'first' or 'second'; see
        `MaskedCoupling`.

    Raises:
      ValueError: If the coupling of the flow is a factory.
    """
    return [
      bijectors.trainable_act_norm(channels, dtype=self._dtype),
      self.masked_coupling(channels, 'checkerboard', kept),
    ]

  def masked_coupling(
    self, channels: int, mask: str, kept: str
  ) -> tfb.Bijector:
    """Returns a coupling of the pixels inside and outside a mask.

    Args:
      channels: Number of channels of the image.
      mask: Mask of pixels, see `MaskedCoupling`.
      kept: Pixels that stay unchanged, 'first' or 'second'.

    Raises:
      ValueError: If the coupling of the flow is a factory.
    """
    return bijectors.MaskedCoupling(
      self._network(channels, channels * self._num_parameters()),
      mask,
      kept,
      self._function,
      dtype=self._dtype,
      name='coupling',
    )

  def split_prior(self, channels: int, name: str) -> tfb.Bijector:
    """Returns the learned prior of the second half of the channels.

    Args:
      channels: Number of channels of the image, even.
      name: Name of the layer.
    """
    network = self._prior_network(channels // 2, channels)
    return bijectors.SplitPrior(network, self._dtype, name=name)

  def conditional_prior(self, channels: int, name: str) -> tfb.Bijector:
    """Returns the prior of all channels given the condition.

    Args:
      channels: Number of channels of the image.
      name: Name of the layer.

    Raises:
      ValueError: If the flow takes no condition.
    """
    check_conditional_base(self._network_options['condition_channels'])
    network = self._prior_network(1, 2 * channels)
    return bijectors.ConditionalPrior(network, self._dtype, name=name)

  def _prior_network(self, in_channels, out_channels):
    options = self._network_options
    return networks.trainable_zero_conv_network(
      in_channels,
      out_channels,
      condition_channels=options['condition_channels'],
      dtype=options['dtype'],
      network_dtype=options['network_dtype'],
    )

  def _set_coupling(self, coupling, blocks, scale_function):
    self._coupling_factory, self._function, self._blocks = None, None, 2
    if isinstance(coupling, str):
      check_choice('coupling', coupling, COUPLINGS)
      coupling, self._blocks = COUPLINGS[coupling]
    if isinstance(coupling, type) and issubclass(coupling, CouplingFunction):
      raise ValueError(
        f'`coupling` is the class {coupling.__name__}; pass an instance, '
        f'{coupling.__name__}().'
      )
    if not isinstance(coupling, str) and callable(coupling):
      self._coupling_factory = coupling
    else:
      self._function = as_coupling_function(coupling, scale_function)
    if blocks is not None:
      if blocks < 2:
        raise ValueError(
          f'`coupling_blocks` is {blocks}; it must be at least 2.'
        )
      self._blocks = blocks

  def _set_network(self, network, hidden_channels, options):
    if not callable(network):
      check_choice('network', network, networks.NETWORKS)
    if isinstance(network, tf.Module):
      raise ValueError(
        f'`network` is the network {network.name!r}; each coupling needs its '
        'own network, so pass a factory, which is called as '
        '`network(in_channels, out_channels, **options)`.'
      )
    check_sizes(hidden_channels=hidden_channels)
    own = {
      'hidden_channels',
      'condition_channels',
      'seed',
      'dtype',
      'network_dtype',
    }
    for name in own & {*(options or {})}:
      raise ValueError(
        f'`network_options` contains {name!r}, which is an argument of the '
        'flow itself.'
      )
    self._network_factory = networks.NETWORKS.get(network, network)
    if callable(network):
      _check_network_factory(network)
    self._is_shared = network == 'shared'
    self._network_options = {
      'hidden_channels': hidden_channels,
      **(options or {}),
    }

  def _layer(self, layer, channels):
    """Returns a layer, given its name or its factory."""
    if callable(layer):
      return self._made_by(layer, 'layers', channels)
    factory = LAYERS[layer]
    known = inspect.signature(factory).parameters
    arguments = {k: v for k, v in self._options.items() if k in known}
    if 'seed' in known:
      arguments['seed'] = next(self._seeds)
    if 'padding' in known:
      arguments['padding'] = next(self._paddings)
    return factory(channels, dtype=self._dtype, **arguments)

  def _made_by(self, factory, argument, channels):
    """Calls a user's factory and returns its bijector."""
    options = {'seed': next(self._seeds), 'dtype': self._dtype}
    try:
      inspect.signature(factory).bind(channels, **options)
    except TypeError as error:
      raise ValueError(
        f'`{argument}` contains the factory {factory!r}, which cannot be '
        f'called as `factory(channels, seed=..., dtype=...)`: {error}.'
      ) from None
    bijector = factory(channels, **options)
    if not isinstance(bijector, tfb.Bijector):
      raise ValueError(
        f'`{argument}` contains the factory {factory!r}, which returned '
        f'{bijector!r}; it must return a bijector.'
      )
    return bijector

  def coupling(self, channels: int) -> tfb.Bijector:
    """Returns a coupling of blocks of channels.

    Args:
      channels: Number of channels of the image.

    Raises:
      ValueError: If the channels cannot be divided into the blocks of the
        coupling.
    """
    if self._coupling_factory is not None:
      return self._made_by(self._coupling_factory, 'coupling', channels)
    blocks = self._blocks
    if channels % blocks:
      raise ValueError(
        f'{channels} channels are not divisible into the {blocks} blocks of '
        'the coupling; a squeeze or larger patches give more channels.'
      )
    size, groups = channels // blocks, blocks - 1
    out_size = size * self._num_parameters()
    if self._is_shared:
      parts = self._network(groups * size, groups * out_size, groups=groups)
    else:
      parts = [self._network(j * size, out_size) for j in range(1, blocks)]
    return BlockCoupling(
      parts, self._function, dtype=self._dtype, name='coupling'
    )

  def _network(self, in_channels, out_channels, **options):
    return self._network_factory(
      in_channels,
      out_channels,
      seed=next(self._seeds),
      **self._network_options,
      **options,
    )

  def _num_parameters(self):
    if self._function is None:
      raise ValueError(
        '`coupling` is a factory; couplings of pixels need a name or a '
        '`CouplingFunction`.'
      )
    return self._function.num_parameters(_COMPONENTS)


def _check_network_factory(factory):
  """Raises `ValueError` if a user's factory cannot be called."""
  options = (
    'hidden_channels',
    'condition_channels',
    'seed',
    'dtype',
    'network_dtype',
  )
  try:
    inspect.signature(factory).bind(1, 2, **dict.fromkeys(options))
  except TypeError as error:
    raise ValueError(
      f'`network` is {factory!r}, which cannot be called as '
      f'`network(in_channels, out_channels, {"=..., ".join(options)}=...)`: '
      f'{error}. Add `**options` to its arguments.'
    ) from None
