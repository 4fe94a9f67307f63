r"""Emerging convolutions on CIFAR-10: L=3, K=32.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config emerging_cifar10 --workdir runs/emerging_cifar10

Published: 3.34 bits/dim (Truong et al. 2019, table 2).

For 500 epochs, as in this configuration, the CInC draft reports 3.3851 (tables
1 and 3).
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config('emerging', 'cifar10')
