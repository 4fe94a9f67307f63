r"""TarFlow on CIFAR-10: 8 blocks, each a transformer of 8 layers.

  horovodrun --gloo -np 4 tfp-cinc train --config tarflow_cifar10 \
    --workdir runs/tarflow_cifar10

Published: none (Zhai et al. 2024 has no CIFAR-10).

The size and the recipe are those of the paper for ImageNet 64x64, which nobody
has tuned for CIFAR-10. The number of workers is our choice.
"""

from .recipes import get_tarflow_config


def get_config():
  """Returns the configuration."""
  return get_tarflow_config('cifar10')
