"""CInC Flow on scikit-learn's digits, 8x8 gray images padded to 16x16.

make train CONFIG=cinc_digits
"""

from . import cinc_photos


def get_config():
  """Returns the configuration."""
  config = cinc_photos.get_config()
  config.data.name = 'digits'
  config.data.image_size = 16
  config.data.flip = False
  # The digits have 17 gray levels. With noise of width 1/256 a flow would learn
  # 17 spikes, and latents between them would decode to extremely large values.
  config.data.num_bits = 4
  config.flow.levels = 2
  config.flow.coupling = 'quad'
  config.flow.hidden_channels = 64
  config.train.optimizer = 'adam'
  config.train.dequantization = 'uniform'
  config.train.learning_rate = 3e-3
  config.train.num_steps = 1200
  return config
