r"""Glow on CIFAR-10: L=3, K=32.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config glow_cifar10 --workdir runs/glow_cifar10

Published: 3.35 bits/dim (Truong et al. 2019, table 2).

The CInC poster reports 3.36. We use 500 epochs, as for the other flows.

For other depths, use --config.flow.depth=8, for example.
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config('glow', 'cifar10')
