"""RealNVP on the photographs.

make train CONFIG=real_nvp_photos
"""

from .base import get_photos_config


def get_config():
  """Returns the configuration."""
  config = get_photos_config('real_nvp')
  config.flow.depth = 3
  config.flow.hidden_channels = 32
  return config
