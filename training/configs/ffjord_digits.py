"""A continuous flow on the digits.

make train CONFIG=ffjord_digits
"""

from .base import get_digits_config


def get_config():
  """Returns the configuration."""
  config = get_digits_config('ffjord')
  config.flow.depth = 1
  config.flow.hidden_channels = 64
  return config
