r"""Emerging convolutions with quad-coupling on CIFAR-10: L=3, K=32.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config emerging_quad_cifar10 --workdir runs/emerging_quad_cifar10

Published: 3.3612 bits/dim (CInC Flow draft, table 3).

The result is for 500 epochs, as in this configuration.
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config('emerging', 'cifar10', coupling='quad')
