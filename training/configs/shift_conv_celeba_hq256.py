r"""Shift convolutions on CelebA-HQ 256x256, 5 bits: L=6, K=32.

  horovodrun --gloo -np 8 python -m training train \
    --config training/configs/shift_conv_celeba_hq256.py \
    --workdir runs/shift_conv_celeba_hq256

Published: none (Truong et al. 2019, section 5.2, shows samples alone).

A batch of 1 for each of 8 workers: section 5.2. The rest as in section 5.1; of
the length it tells nothing. Larger batches at the same memory:
--config.train.batch_size=8 --config.train.accumulate=8.

--config.smoke=True is at 64x64.
"""

from training.configs.papers import get_shift_config


def get_config():
  """The configuration."""
  config = get_shift_config('celeba_hq256')
  config.data.num_bits = 5
  config.train.batch_size = 1
  config.train.init_images = 32  # as Glow's code: 4 of this size a worker
  config.eval.batch_size = 4
  config.eval.num_images = 64
  return config
