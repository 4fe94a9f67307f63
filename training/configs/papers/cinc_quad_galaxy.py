r"""CInC Flow with quad-coupling on galaxy mergers: L=2, K=8.

  horovodrun --gloo -np 4 tfp-cinc train \
    --config cinc_quad_galaxy --workdir runs/cinc_quad_galaxy --data FOLDER

Published: 2.2591 bits/dim (CInC Flow poster, 'Bits per dimension comparison';
draft, table 1).

FOLDER contains the galaxy merger images of Ackermann et al. 2018: JPEG files in
the train, validation and test folders of the authors. The draft states only
'1000 epochs' (table 1). We use epochs of 50,000 images, as in the published
code.
"""

from .recipes import get_glow_config


def get_config():
  """Returns the configuration."""
  return get_glow_config('cinc_paper', 'galaxy', coupling='quad')
