r"""Shift convolutions on ImageNet 32x32: L=3, K=48.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/shift_conv_imagenet32.py \
    --workdir runs/shift_conv_imagenet32

Published: 3.96 bits/dim (Truong et al. 2019, table 2).

Adam, rate 0.001, a batch of 64 for each of 4 workers, a N(0, I) prior: section
5.1. It tells no length; that of the other flows here was chosen, in steps, with
a warm-up of 50 steps.

The data are van den Oord's downsampling, `downsampled_imagenet`;
`imagenet_resized` has other bits/dim.
"""

from training.configs.papers import get_shift_config


def get_config():
  """The configuration."""
  return get_shift_config('imagenet32')
