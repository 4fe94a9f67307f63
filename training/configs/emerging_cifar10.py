r"""Emerging convolutions on CIFAR-10: L=3, K=32.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/emerging_cifar10.py \
    --workdir runs/emerging_cifar10

Published: 3.34 bits/dim (Truong et al. 2019, table 2).

In a run of 500 epochs, which is the length of this one: 3.3851 (CInC draft,
tables 1 and 3).
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config('emerging', 'cifar10')
