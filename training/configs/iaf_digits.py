"""An inverse autoregressive flow on the digits.

make train CONFIG=iaf_digits
"""

from .base import get_digits_config


def get_config():
  """Returns the configuration."""
  config = get_digits_config('iaf')
  config.flow.depth = 2
  config.flow.hidden_channels = 128
  return config
