"""A residual flow on the digits.

make train CONFIG=residual_digits
"""

from .base import get_digits_config


def get_config():
  """Returns the configuration."""
  config = get_digits_config('residual')
  config.flow.depth = 6
  config.flow.hidden_channels = 64
  return config
