r"""Emerging convolutions with quad-coupling on CIFAR-10: L=3, K=32.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/emerging_quad_cifar10.py \
    --workdir runs/emerging_quad_cifar10

Published: 3.3612 bits/dim (CInC Flow draft, table 3).

In a run of 500 epochs, which is the length of this one.
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config('emerging', 'cifar10', coupling='quad')
