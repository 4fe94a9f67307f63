r"""Jet on CIFAR-10: 32 couplings, each with a transformer of 2 layers.

  horovodrun --gloo -np 4 tfp-cinc train --config jet_cifar10 \
    --workdir runs/jet_cifar10

Published: none (Kolesnikov et al. 2024 fine-tunes a model of ImageNet-21k).

The size and the recipe are those of the paper for ImageNet 64x64, which nobody
has tuned for CIFAR-10. The number of workers is our choice.
"""

from .recipes import get_jet_config


def get_config():
  """Returns the configuration."""
  return get_jet_config('cifar10')
