r"""Jet on ImageNet 64x64: 32 couplings, each with a transformer of 2 layers.

  horovodrun --gloo -np 8 tfp-cinc train --config jet_imagenet64 \
    --workdir runs/jet_imagenet64

Published: 3.72 bits/dim (Kolesnikov et al. 2024; the configuration that its
authors published names this size).

The larger model has 3.66: --config.flow.depth=64 --config.flow.num_layers=5.

The number of workers is our choice. With less memory, use
--config.train.accumulate=8, for example.

The data set is `downsampled_imagenet` of van den Oord et al.; bits/dim on
`imagenet_resized` are not comparable.
"""

from .recipes import get_jet_config


def get_config():
  """Returns the configuration."""
  return get_jet_config('imagenet64')
