"""The multi-scale skeleton that all image flows share."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.act_norm import trainable_act_norm
from tfp_cinc.bijectors.coupling import (
  AffineCoupling,
  QuadCoupling,
  SplitPrior,
)
from tfp_cinc.bijectors.leading_channels import LeadingChannels
from tfp_cinc.bijectors.reversible_chain import ReversibleChain
from tfp_cinc.bijectors.squeeze import Squeeze
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.networks import glow_network, zero_conv_network

__all__ = ['multiscale_flow']

tfb = tfp.bijectors
tfd = tfp.distributions

COUPLING_BLOCKS = {'affine': 2, 'quad': 4}


def multiscale_flow(
  image_shape,
  make_convolutions: Callable[[int, Callable[[], int]], list[tfb.Bijector]],
  *,
  levels: int,
  depth: int,
  coupling: str,
  scale_function: str,
  hidden_channels: int,
  split_prior: bool,
  memory: str,
  seed: int | None,
  dtype,
  network_dtype,
  name: str,
) -> tfd.TransformedDistribution:
  """A flow of `levels` levels of `depth` steps on a N(0, I) base.

  A level squeezes the image, applies its steps (ActNorm, the convolutions, a
  coupling), factors out half of the channels behind their learned prior, and
  hands the others to the next level. The squeeze is undone at the end, so that
  latents have the shape of images. Figure 'Model Architecture' of the CInC Flow
  poster; Glow, figure 2b.

  Args:
    image_shape: [H, W, C].
    make_convolutions: called for each step with its number of channels and a
      function that draws a seed; returns the bijectors between ActNorm and
      coupling, in the order of the image.
    levels: L, at least 1.
    depth: D, steps of a level, at least 1.
    coupling: 'affine' or 'quad'.
    scale_function: of the couplings, 'sigmoid' or 'exp'.
    hidden_channels: width of the coupling networks.
    split_prior: whether the channels that leave have a learned prior.
    memory: 'store', 'checkpoint' or 'reversible', see `ReversibleChain`.
    seed: of all initial values; None draws others each time.
    dtype: floating dtype of the flow.
    network_dtype: what coupling networks compute in, see `ConvNetwork`.
    name: name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over [H, W, C], whose `bijector` goes from
    latent to image.

  Raises:
    ValueError: if an argument is not as above, or H or W is not divisible by
      2^levels.
  """
  image_shape = [int(size) for size in image_shape]
  check_choice('coupling', coupling, COUPLING_BLOCKS)
  if len(image_shape) != 3 or min(image_shape) < 1:
    raise ValueError(f'`image_shape` is {image_shape}; it must be [H, W, C].')
  if levels < 1 or depth < 1 or hidden_channels < 1:
    raise ValueError(
      f'`levels` is {levels}, `depth` {depth} and `hidden_channels` '
      f'{hidden_channels}; each must be at least 1.'
    )
  height, width, channels = image_shape
  if height % 2**levels or width % 2**levels:
    raise ValueError(
      f'`image_shape` {image_shape} is not divisible by 2**levels = '
      f'{2**levels}.'
    )
  rng = np.random.default_rng(seed)

  def draw_seed():
    return int(rng.integers(2**31))

  # A level keeps the inputs of its steps, not those of their layers too.
  step_memory = 'store' if memory == 'checkpoint' else memory
  network_options = {'dtype': dtype, 'network_dtype': network_dtype}

  def make_coupling(channels):
    blocks = COUPLING_BLOCKS[coupling]
    networks = [
      glow_network(
        j * channels // blocks,
        2 * channels // blocks,
        hidden_channels=hidden_channels,
        seed=draw_seed(),
        **network_options,
      )
      for j in range(1, blocks)
    ]
    if coupling == 'affine':
      return AffineCoupling(networks[0], scale_function, dtype)
    return QuadCoupling(networks, scale_function, dtype)

  def make_level(level, channels):
    """The bijector of a level and of all that follow it."""
    squeeze = Squeeze(dtype=dtype, name=f'squeeze_{level}')
    channels *= 4
    layers = [squeeze]
    for step in range(depth):
      parts = [
        trainable_act_norm(channels, dtype=dtype),
        *make_convolutions(channels, draw_seed),
        make_coupling(channels),
      ]
      layers.append(_chain(parts, step_memory, f'level_{level}_step_{step}'))
    if level + 1 < levels:
      if split_prior:
        network = zero_conv_network(channels // 2, channels, **network_options)
        layers.append(SplitPrior(network, dtype, name=f'split_prior_{level}'))
      rest = make_level(level + 1, channels // 2)
      layers.append(LeadingChannels(rest, channels // 2, name=f'after_{level}'))
    layers.append(tfb.Invert(squeeze, name=f'unsqueeze_{level}'))
    return _chain(layers, memory, f'level_{level}')

  with tf.name_scope(name):
    base = tfd.Sample(
      tfd.Normal(tf.zeros([], dtype), tf.ones([], dtype)),
      sample_shape=image_shape,
    )
    encoder = make_level(0, channels)
    return tfd.TransformedDistribution(
      base, tfb.Invert(encoder, name='decoder'), name=name
    )


def _chain(layers, memory, name):
  """A chain that applies `layers` in the order in which they stand."""
  return ReversibleChain(layers[::-1], memory, name=name)
