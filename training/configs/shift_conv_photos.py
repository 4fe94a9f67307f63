"""Shift convolutions on the photographs.

make train CONFIG=shift_conv_photos
"""

from training.configs.base import get_photos_config


def get_config():
  """The configuration."""
  return get_photos_config('shift_conv')
