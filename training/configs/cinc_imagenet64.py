r"""CInC Flow with affine coupling on ImageNet 64x64: L=4, K=48.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/cinc_imagenet64.py \
    --workdir runs/cinc_imagenet64

Published: 3.8946 bits/dim (CInC Flow poster, 'Bits per dimension comparison').

Its length is not told; 600 epochs were chosen, as on 32x32.

The data are van den Oord's downsampling, `downsampled_imagenet`;
`imagenet_resized` has other bits/dim.
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config('cinc_paper', 'imagenet64')
