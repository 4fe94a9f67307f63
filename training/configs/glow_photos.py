"""Glow on the photographs, to compare `cinc_photos` with.

  horovodrun --gloo -np 2 python -m training train \
    --config training/configs/glow_photos.py --workdir runs/glow_photos
"""

from training.configs.base import get_base_config


def get_config():
  """The configuration."""
  config = get_base_config()
  config.flow.name = 'glow'
  config.train.num_steps = 1200
  config.train.max_minutes = 5.0
  config.train.schedule = 'cosine'
  return config
