r"""Shift convolutions on CelebA-HQ 256x256, 5 bits: L=6, K=32.

  horovodrun --gloo -np 8 tfp-cinc train \
    --config shift_conv_celeba_hq256 --workdir runs/shift_conv_celeba_hq256

Published: none (Truong et al. 2019, section 5.2, shows samples alone).

The batch of 1 on each of 8 workers is from section 5.2, the rest from section
5.1. The paper does not state the length of the run. For larger batches with the
same memory, use --config.train.batch_size=8 --config.train.accumulate=8.

With --config.smoke=True the images are 64x64.
"""

from .recipes import get_shift_config


def get_config():
  """Returns the configuration."""
  config = get_shift_config('celeba_hq256')
  config.data.num_bits = 5
  config.train.batch_size = 1
  config.train.init_images = 32  # 4 per worker, as in Glow's code
  config.eval.batch_size = 4
  config.eval.num_images = 64
  return config
