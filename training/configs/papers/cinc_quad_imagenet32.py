r"""CInC Flow with quad-coupling on ImageNet 32x32: L=3, K=48.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config cinc_quad_imagenet32 --workdir runs/cinc_quad_imagenet32

Published: 4.0377 bits/dim (CInC Flow poster, 'Bits per dimension comparison').

For 600 epochs, as in this configuration, the draft reports 4.0965 (table 1).

The data set is `downsampled_imagenet` of van den Oord et al.; bits/dim on
`imagenet_resized` are not comparable.
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config('cinc_paper', 'imagenet32', coupling='quad')
