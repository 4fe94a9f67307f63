r"""CInC Flow with quad-coupling on ImageNet 32x32, shallow: L=3, K=4.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config cinc_quad_imagenet32_k4 --workdir runs/cinc_quad_imagenet32_k4

Published: 4.25 bits/dim (CInC Flow draft, table 2).

All models in this table were trained for 600 epochs.

The data set is `downsampled_imagenet` of van den Oord et al.; bits/dim on
`imagenet_resized` are not comparable.
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config(
    'cinc_paper', 'imagenet32', coupling='quad', depth=4, epochs=600
  )
