r"""TarFlow on ImageNet 64x64: 8 blocks, each a transformer of 8 layers.

  horovodrun --gloo -np 8 tfp-cinc train --config tarflow_imagenet64 \
    --workdir runs/tarflow_imagenet64

Published: 2.99 bits/dim (Zhai et al. 2024, table 2).

The number of workers is our choice. With less memory, use
--config.train.accumulate=8, for example.

The data set is `downsampled_imagenet` of van den Oord et al. We do not know
whether the paper uses the same version of ImageNet 64x64 as Jet, so 2.99 may
not be comparable with the results of the other configurations.
"""

from .recipes import get_tarflow_config


def get_config():
  """Returns the configuration."""
  return get_tarflow_config('imagenet64')
