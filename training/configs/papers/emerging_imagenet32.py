r"""Emerging convolutions on ImageNet 32x32: L=3, K=48.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config emerging_imagenet32 --workdir runs/emerging_imagenet32

Published: 4.09 bits/dim (Truong et al. 2019, table 2).

For 600 epochs, as in this configuration, the CInC draft reports 4.1153 (table
1).

The data set is `downsampled_imagenet` of van den Oord et al.; bits/dim on
`imagenet_resized` are not comparable.
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config('emerging', 'imagenet32')
