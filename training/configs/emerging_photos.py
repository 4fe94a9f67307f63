"""Emerging convolutions on the photographs.

make train CONFIG=emerging_photos
"""

from .base import get_photos_config


def get_config():
  """Returns the configuration."""
  return get_photos_config('emerging')
