"""Glow on the photographs, the baseline for `cinc_photos`.

make train CONFIG=glow_photos
"""

from .base import get_photos_config


def get_config():
  """Returns the configuration."""
  return get_photos_config('glow')
