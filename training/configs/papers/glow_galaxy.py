r"""Glow on galaxy mergers: L=2, K=8.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config glow_galaxy --workdir runs/glow_galaxy --data FOLDER

Published: none (CInC Flow poster, 'Bits per dimension comparison', has a dash).

It is the baseline for the other flows.

FOLDER contains the galaxy merger images of Ackermann et al. 2018: JPEG files in
the train, validation and test folders of the authors. The draft states only
'1000 epochs' (table 1). We use epochs of 50,000 images, as in the published
code.
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config('glow', 'galaxy')
