r"""Emerging convolutions on ImageNet 32x32, shallow: L=3, K=8.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config emerging_imagenet32_k8 --workdir runs/emerging_imagenet32_k8

Published: 4.20 bits/dim (CInC Flow draft, table 2).

All models in this table were trained for 600 epochs.

The data set is `downsampled_imagenet` of van den Oord et al.; bits/dim on
`imagenet_resized` are not comparable.
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config('emerging', 'imagenet32', depth=8, epochs=600)
