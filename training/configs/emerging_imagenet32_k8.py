r"""Emerging convolutions on ImageNet 32x32, shallow: L=3, K=8.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/emerging_imagenet32_k8.py \
    --workdir runs/emerging_imagenet32_k8

Published: 4.20 bits/dim (CInC Flow draft, table 2).

All networks of this table were trained for 600 epochs.

The data are van den Oord's downsampling, `downsampled_imagenet`;
`imagenet_resized` has other bits/dim.
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config('emerging', 'imagenet32', depth=8, epochs=600)
