r"""CInC Flow with quad-coupling on ImageNet 32x32: L=3, K=48.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/cinc_quad_imagenet32.py \
    --workdir runs/cinc_quad_imagenet32

Published: 4.0377 bits/dim (CInC Flow poster, 'Bits per dimension comparison').

In a run of 600 epochs, which is the length of this one: 4.0965 (draft, table
1).

The data are van den Oord's downsampling, `downsampled_imagenet`;
`imagenet_resized` has other bits/dim.
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config('cinc_paper', 'imagenet32', coupling='quad')
