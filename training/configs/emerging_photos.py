"""Emerging convolutions on the photographs.

make train CONFIG=emerging_photos
"""

from training.configs.base import get_photos_config


def get_config():
  """The configuration."""
  return get_photos_config('emerging')
