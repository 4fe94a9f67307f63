r"""Emerging convolutions on ImageNet 64x64: L=4, K=48.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/emerging_imagenet64.py \
    --workdir runs/emerging_imagenet64

Published: 3.81 bits/dim (Truong et al. 2019, table 2).

Its length is not told; 600 epochs were chosen, as on 32x32.

The data are van den Oord's downsampling, `downsampled_imagenet`;
`imagenet_resized` has other bits/dim.
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config('emerging', 'imagenet64')
