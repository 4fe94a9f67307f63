r"""Emerging convolutions on ImageNet 32x32: L=3, K=48.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/emerging_imagenet32.py \
    --workdir runs/emerging_imagenet32

Published: 4.09 bits/dim (Truong et al. 2019, table 2).

In a run of 600 epochs, which is the length of this one: 4.1153 (CInC draft,
table 1).

The data are van den Oord's downsampling, `downsampled_imagenet`;
`imagenet_resized` has other bits/dim.
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config('emerging', 'imagenet32')
