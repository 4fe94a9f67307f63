"""TarFlow on the digits: 8x8 gray images in 16 patches of 2x2 pixels.

make train CONFIG=tarflow_digits
"""

from .base import get_digits_config


def get_config():
  """Returns the configuration."""
  config = get_digits_config('tarflow')
  config.data.num_bits = 4  # see `cinc_digits`
  config.flow.patch_size = 2
  config.flow.depth = 4
  config.flow.num_layers = 2
  config.flow.hidden_channels = 64
  config.train.optimizer = 'muon'
  config.train.learning_rate = 2e-3
  return config
