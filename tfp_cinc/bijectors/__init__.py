"""Bijectors of images, each native to TensorFlow Probability.

The forward direction of each is the layer as its paper writes it, from image to
latent.
"""

from tfp_cinc.bijectors.act_norm import ActNorm, trainable_act_norm
from tfp_cinc.bijectors.cinc_conv2d import CInCConv2D, trainable_cinc_conv2d
from tfp_cinc.bijectors.coupling import (
  AffineCoupling,
  BlockCoupling,
  QuadCoupling,
  SplitPrior,
)
from tfp_cinc.bijectors.leading_channels import LeadingChannels
from tfp_cinc.bijectors.one_by_one_conv2d import (
  OneByOneConv2D,
  trainable_one_by_one_conv2d,
)
from tfp_cinc.bijectors.one_pass import OnePassBijector
from tfp_cinc.bijectors.reversible_chain import ReversibleChain
from tfp_cinc.bijectors.squeeze import Squeeze

__all__ = [
  'ActNorm',
  'AffineCoupling',
  'BlockCoupling',
  'CInCConv2D',
  'LeadingChannels',
  'OneByOneConv2D',
  'OnePassBijector',
  'QuadCoupling',
  'ReversibleChain',
  'SplitPrior',
  'Squeeze',
  'trainable_act_norm',
  'trainable_cinc_conv2d',
  'trainable_one_by_one_conv2d',
]
