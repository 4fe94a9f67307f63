"""Transformers of the pixels of images."""

from tfp_cinc.networks.transformers.causal_transformer import (
  CausalTransformer,
  trainable_causal_transformer,
)
from tfp_cinc.networks.transformers.vision_transformer import (
  VisionTransformer,
  trainable_vision_transformer,
)

__all__ = [
  'CausalTransformer',
  'VisionTransformer',
  'trainable_causal_transformer',
  'trainable_vision_transformer',
]
