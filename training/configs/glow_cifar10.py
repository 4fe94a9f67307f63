r"""Glow on CIFAR-10: L=3, K=32.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/glow_cifar10.py \
    --workdir runs/glow_cifar10

Published: 3.35 bits/dim (Truong et al. 2019, table 2).

3.36 in the CInC poster. 500 epochs were chosen, as for the other flows.

Other depths: --config.flow.depth=8.
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config('glow', 'cifar10')
