"""Invertible k x k convolutions and image flows for TensorFlow Probability."""

from tfp_cinc import bijectors, math, models, networks
from tfp_cinc.bijectors import (
  ActNorm,
  AffineCoupling,
  BlockCoupling,
  CInCConv2D,
  LeadingChannels,
  OneByOneConv2D,
  QuadCoupling,
  ReversibleChain,
  SplitPrior,
  Squeeze,
  trainable_act_norm,
  trainable_cinc_conv2d,
  trainable_one_by_one_conv2d,
)
from tfp_cinc.dequantization import bits_per_dim, dequantize, quantize
from tfp_cinc.initialization import initialize_from_data, is_initialized
from tfp_cinc.networks import full_precision
from tfp_cinc.saved_model import export_saved_model
from tfp_cinc.version import __version__

__all__ = [
  'ActNorm',
  'AffineCoupling',
  'BlockCoupling',
  'CInCConv2D',
  'LeadingChannels',
  'OneByOneConv2D',
  'QuadCoupling',
  'ReversibleChain',
  'SplitPrior',
  'Squeeze',
  '__version__',
  'bijectors',
  'bits_per_dim',
  'dequantize',
  'export_saved_model',
  'full_precision',
  'initialize_from_data',
  'is_initialized',
  'math',
  'models',
  'networks',
  'quantize',
  'trainable_act_norm',
  'trainable_cinc_conv2d',
  'trainable_one_by_one_conv2d',
]
