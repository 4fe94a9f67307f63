r"""CInC Flow with quad-coupling on CIFAR-10: L=3, K=32.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config cinc_quad_cifar10 --workdir runs/cinc_quad_cifar10

Published: 3.347 bits/dim (CInC Flow poster, 'Bits per dimension comparison').

For 500 epochs, as in this configuration, the draft reports 3.3879 (tables 1 and
3).
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config('cinc_paper', 'cifar10', coupling='quad')
