r"""CInC Flow with quad-coupling on ImageNet 32x32, shallow: L=3, K=4.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/cinc_quad_imagenet32_k4.py \
    --workdir runs/cinc_quad_imagenet32_k4

Published: 4.25 bits/dim (CInC Flow draft, table 2).

All networks of this table were trained for 600 epochs.

The data are van den Oord's downsampling, `downsampled_imagenet`;
`imagenet_resized` has other bits/dim.
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config(
    'cinc_paper', 'imagenet32', coupling='quad', depth=4, epochs=600
  )
