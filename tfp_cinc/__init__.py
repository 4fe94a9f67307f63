"""Invertible k x k convolutions and image flows for TensorFlow Probability."""

from tfp_cinc import (
  bijectors,
  latents,
  math,
  matrices,
  models,
  networks,
  plotting,
  tree,
)
from tfp_cinc.conditioning import given
from tfp_cinc.denoising import denoise
from tfp_cinc.dequantization import bits_per_dim, dequantize, quantize
from tfp_cinc.flow_model import FlowModel
from tfp_cinc.freezing import freeze
from tfp_cinc.guidance import sample_guided
from tfp_cinc.initialization import initialize_from_data
from tfp_cinc.memory import with_memory
from tfp_cinc.precision import with_network_dtype
from tfp_cinc.saved_model import ConditionInput, export_saved_model
from tfp_cinc.version import __version__

__all__ = [
  'ConditionInput',
  'FlowModel',
  '__version__',
  'bijectors',
  'bits_per_dim',
  'denoise',
  'dequantize',
  'export_saved_model',
  'freeze',
  'given',
  'initialize_from_data',
  'latents',
  'math',
  'matrices',
  'models',
  'networks',
  'plotting',
  'quantize',
  'sample_guided',
  'tree',
  'with_memory',
  'with_network_dtype',
]
