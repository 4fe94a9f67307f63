r"""Glow on ImageNet 32x32: L=3, K=48.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/glow_imagenet32.py \
    --workdir runs/glow_imagenet32

Published: 4.09 bits/dim (Truong et al. 2019, table 2).

600 epochs were chosen, as for the other flows.

The data are van den Oord's downsampling, `downsampled_imagenet`;
`imagenet_resized` has other bits/dim.
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config('glow', 'imagenet32')
