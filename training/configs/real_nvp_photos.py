"""RealNVP on the photographs, at a size for 5 minutes.

make train CONFIG=real_nvp_photos
"""

from training.configs.base import get_photos_config


def get_config():
  """The configuration."""
  config = get_photos_config('real_nvp')
  config.flow.depth = 3
  config.flow.hidden_channels = 32
  return config
