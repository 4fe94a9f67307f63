r"""Glow on ImageNet 64x64: L=4, K=48.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config glow_imagenet64 --workdir runs/glow_imagenet64

Published: 3.81 bits/dim (Truong et al. 2019, table 2).

We use 600 epochs, as for the other flows.

The data set is `downsampled_imagenet` of van den Oord et al.; bits/dim on
`imagenet_resized` are not comparable.
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config('glow', 'imagenet64')
