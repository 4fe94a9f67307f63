r"""Emerging convolutions on CIFAR-10, shallow: L=3, K=4.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/emerging_cifar10_k4.py \
    --workdir runs/emerging_cifar10_k4

Published: 3.52 bits/dim (CInC Flow draft, table 2).

All networks of this table were trained for 600 epochs.
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config('emerging', 'cifar10', depth=4, epochs=600)
