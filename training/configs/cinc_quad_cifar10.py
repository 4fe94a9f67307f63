r"""CInC Flow with quad-coupling on CIFAR-10: L=3, K=32.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/cinc_quad_cifar10.py \
    --workdir runs/cinc_quad_cifar10

Published: 3.347 bits/dim (CInC Flow poster, 'Bits per dimension comparison').

In a run of 500 epochs, which is the length of this one: 3.3879 (draft, tables 1
and 3).
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config('cinc_paper', 'cifar10', coupling='quad')
