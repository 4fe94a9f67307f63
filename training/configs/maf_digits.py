"""A masked autoregressive flow on the digits.

make train CONFIG=maf_digits
"""

from .base import get_digits_config


def get_config():
  """Returns the configuration."""
  config = get_digits_config('maf')
  config.flow.depth = 5
  config.flow.hidden_channels = 256
  return config
