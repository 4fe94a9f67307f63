"""Glow on the photographs, to compare `cinc_photos` with.

make train CONFIG=glow_photos
"""

from training.configs.base import get_photos_config


def get_config():
  """The configuration."""
  return get_photos_config('glow')
