r"""CInC Flow with quad-coupling on CIFAR-10, shallow: L=3, K=8.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/cinc_quad_cifar10_k8.py \
    --workdir runs/cinc_quad_cifar10_k8

Published: 3.46 bits/dim (CInC Flow draft, table 2).

All networks of this table were trained for 600 epochs.
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config(
    'cinc_paper', 'cifar10', coupling='quad', depth=8, epochs=600
  )
