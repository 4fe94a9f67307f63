r"""CInC Flow with affine coupling on CIFAR-10: L=3, K=32.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config cinc_cifar10 --workdir runs/cinc_cifar10

Published: 3.3498 bits/dim (CInC Flow poster, 'Bits per dimension comparison').

For 500 epochs, as in this configuration, the draft reports 3.4209 (tables 1 and
3).

For other depths, use --config.flow.depth=8, for example.
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config('cinc_paper', 'cifar10')
