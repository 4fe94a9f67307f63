"""Bijectors of images, each native to TensorFlow Probability.

The forward direction of each is the layer as its paper writes it, from image to
latent.
"""

from tfp_cinc.bijectors.act_norm import ActNorm, trainable_act_norm
from tfp_cinc.bijectors.autoregressive_conv2d import (
  AutoregressiveConv2D,
  trainable_autoregressive_conv2d,
)
from tfp_cinc.bijectors.block_coupling import BlockCoupling
from tfp_cinc.bijectors.channel_shift import (
  ChannelShift,
  trainable_channel_shift,
)
from tfp_cinc.bijectors.cinc_conv2d import CInCConv2D, trainable_cinc_conv2d
from tfp_cinc.bijectors.continuous_flow import (
  ContinuousFlow,
  trainable_continuous_flow,
)
from tfp_cinc.bijectors.coupling import (
  AdditiveCoupling,
  AffineCoupling,
  QuadCoupling,
  SplitPrior,
)
from tfp_cinc.bijectors.emerging_conv2d import (
  EmergingConv2D,
  trainable_emerging_conv2d,
)
from tfp_cinc.bijectors.leading_channels import LeadingChannels
from tfp_cinc.bijectors.masked_coupling import (
  CheckerboardCoupling,
  MaskedCoupling,
)
from tfp_cinc.bijectors.one_by_one_conv2d import (
  OneByOneConv2D,
  trainable_one_by_one_conv2d,
)
from tfp_cinc.bijectors.one_pass import OnePassBijector
from tfp_cinc.bijectors.periodic_conv2d import (
  PeriodicConv2D,
  trainable_periodic_conv2d,
)
from tfp_cinc.bijectors.permute_channels import (
  ReverseChannels,
  ShuffleChannels,
  random_shuffle_channels,
)
from tfp_cinc.bijectors.planar import Planar, trainable_planar
from tfp_cinc.bijectors.radial import Radial, trainable_radial
from tfp_cinc.bijectors.reshaped import Reshaped
from tfp_cinc.bijectors.residual_flow import (
  ResidualFlow,
  trainable_residual_flow,
)
from tfp_cinc.bijectors.reversible_chain import ReversibleChain
from tfp_cinc.bijectors.shift_conv2d import (
  ShiftConv2D,
  trainable_shift_conv2d,
)
from tfp_cinc.bijectors.squeeze import Squeeze

__all__ = [
  'ActNorm',
  'AdditiveCoupling',
  'AffineCoupling',
  'AutoregressiveConv2D',
  'BlockCoupling',
  'CInCConv2D',
  'ChannelShift',
  'CheckerboardCoupling',
  'ContinuousFlow',
  'EmergingConv2D',
  'LeadingChannels',
  'MaskedCoupling',
  'OneByOneConv2D',
  'OnePassBijector',
  'PeriodicConv2D',
  'Planar',
  'QuadCoupling',
  'Radial',
  'Reshaped',
  'ResidualFlow',
  'ReverseChannels',
  'ReversibleChain',
  'ShiftConv2D',
  'ShuffleChannels',
  'SplitPrior',
  'Squeeze',
  'random_shuffle_channels',
  'trainable_act_norm',
  'trainable_autoregressive_conv2d',
  'trainable_channel_shift',
  'trainable_cinc_conv2d',
  'trainable_continuous_flow',
  'trainable_emerging_conv2d',
  'trainable_one_by_one_conv2d',
  'trainable_periodic_conv2d',
  'trainable_planar',
  'trainable_radial',
  'trainable_residual_flow',
  'trainable_shift_conv2d',
]
