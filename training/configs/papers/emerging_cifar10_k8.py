r"""Emerging convolutions on CIFAR-10, shallow: L=3, K=8.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config emerging_cifar10_k8 --workdir runs/emerging_cifar10_k8

Published: 3.47 bits/dim (CInC Flow draft, table 2).

All models in this table were trained for 600 epochs.
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config('emerging', 'cifar10', depth=8, epochs=600)
