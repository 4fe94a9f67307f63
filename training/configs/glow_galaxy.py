r"""Glow on galaxy mergers: L=2, K=8.

  horovodrun --gloo -np 4 python -m training train \
    --config training/configs/glow_galaxy.py \
    --workdir runs/glow_galaxy \
    --config.data.dir=FOLDER

Published: none (CInC Flow poster, 'Bits per dimension comparison', has a dash).

It is here to compare the others with.

FOLDER holds the galaxy-merger images of Ackermann et al. 2018, JPEG files in
the train, validation and test folders of its authors. The paper gives no number
of steps beyond '1000 epochs' (draft, table 1), which is taken as epochs of the
code: 50,000 images.
"""

from training.configs.papers import get_glow_config


def get_config():
  """The configuration."""
  return get_glow_config('glow', 'galaxy')
