r"""CInC Flow with affine coupling on ImageNet 64x64: L=4, K=48.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config cinc_imagenet64 --workdir runs/cinc_imagenet64

Published: 3.8946 bits/dim (CInC Flow poster, 'Bits per dimension comparison').

The length of the run is not published; we use 600 epochs, as for 32x32.

The data set is `downsampled_imagenet` of van den Oord et al.; bits/dim on
`imagenet_resized` are not comparable.
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config('cinc_paper', 'imagenet64')
