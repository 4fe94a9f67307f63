r"""CInC Flow with affine coupling on galaxy mergers: L=2, K=8.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/cinc_galaxy.py \
    --workdir runs/cinc_galaxy \
    --config.data.dir=FOLDER

Published: 2.2739 bits/dim (CInC Flow poster, 'Bits per dimension comparison';
draft, table 1).

FOLDER holds the galaxy-merger images of Ackermann et al. 2018, JPEG files in
the train, validation and test folders of its authors. The paper gives no number
of steps beyond '1000 epochs' (draft, table 1), which is taken as epochs of the
code: 50,000 images.
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config('cinc_paper', 'galaxy')
