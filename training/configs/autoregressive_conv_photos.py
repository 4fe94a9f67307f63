"""Raster-order masked convolutions on the photographs.

make train CONFIG=autoregressive_conv_photos
"""

from .base import get_photos_config


def get_config():
  """Returns the configuration."""
  return get_photos_config('autoregressive_conv')
