"""TensorFlow Probability bijectors for images and vectors.

As in the papers, `forward` maps images to latents.
"""

from tfp_cinc.bijectors.act_norm import ActNorm, trainable_act_norm
from tfp_cinc.bijectors.adapted import Adapted, as_flow_bijector
from tfp_cinc.bijectors.autoregressive_conv2d import (
  AutoregressiveConv2D,
  trainable_autoregressive_conv2d,
)
from tfp_cinc.bijectors.autoregressive_transformer import (
  AutoregressiveTransformer,
  trainable_autoregressive_transformer,
)
from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.bijectors.block_coupling import BlockCoupling
from tfp_cinc.bijectors.chain import Chain
from tfp_cinc.bijectors.channel_affine import (
  ChannelAffine,
  trainable_channel_affine,
)
from tfp_cinc.bijectors.cinc_conv2d import CInCConv2D, trainable_cinc_conv2d
from tfp_cinc.bijectors.conditional_prior import ConditionalPrior
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
from tfp_cinc.bijectors.coupling_functions import (
  Additive,
  Affine,
  CouplingFunction,
  LogisticMixture,
  Spline,
)
from tfp_cinc.bijectors.emerging_conv2d import (
  EmergingConv2D,
  trainable_emerging_conv2d,
)
from tfp_cinc.bijectors.inverse import Inverse
from tfp_cinc.bijectors.leading_channels import LeadingChannels
from tfp_cinc.bijectors.masked_autoregressive import (
  MaskedAutoregressive,
  trainable_masked_autoregressive,
)
from tfp_cinc.bijectors.masked_coupling import MaskedCoupling
from tfp_cinc.bijectors.one_by_one_conv2d import (
  OneByOneConv2D,
  trainable_one_by_one_conv2d,
)
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
from tfp_cinc.bijectors.shift_conv2d import ShiftConv2D, trainable_shift_conv2d
from tfp_cinc.bijectors.squeeze import Squeeze
from tfp_cinc.bijectors.squeezed import Squeezed

__all__ = [
  'ActNorm',
  'Adapted',
  'Additive',
  'AdditiveCoupling',
  'Affine',
  'AffineCoupling',
  'AutoregressiveConv2D',
  'AutoregressiveTransformer',
  'BlockCoupling',
  'CInCConv2D',
  'Chain',
  'ChannelAffine',
  'ConditionalPrior',
  'ContinuousFlow',
  'CouplingFunction',
  'EmergingConv2D',
  'FlowBijector',
  'Inverse',
  'LeadingChannels',
  'LogisticMixture',
  'MaskedAutoregressive',
  'MaskedCoupling',
  'OneByOneConv2D',
  'PeriodicConv2D',
  'Planar',
  'QuadCoupling',
  'Radial',
  'Reshaped',
  'ResidualFlow',
  'ReverseChannels',
  'ShiftConv2D',
  'ShuffleChannels',
  'Spline',
  'SplitPrior',
  'Squeeze',
  'Squeezed',
  'as_flow_bijector',
  'random_shuffle_channels',
  'trainable_act_norm',
  'trainable_autoregressive_conv2d',
  'trainable_autoregressive_transformer',
  'trainable_channel_affine',
  'trainable_cinc_conv2d',
  'trainable_continuous_flow',
  'trainable_emerging_conv2d',
  'trainable_masked_autoregressive',
  'trainable_one_by_one_conv2d',
  'trainable_periodic_conv2d',
  'trainable_planar',
  'trainable_radial',
  'trainable_residual_flow',
  'trainable_shift_conv2d',
]
