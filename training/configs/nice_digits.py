"""NICE on the digits.

make train CONFIG=nice_digits
"""

from .base import get_digits_config


def get_config():
  """Returns the configuration."""
  config = get_digits_config('nice')
  config.flow.hidden_channels = 256
  return config
