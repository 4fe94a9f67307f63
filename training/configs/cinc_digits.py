"""CInC Flow on scikit-learn's digits, 8x8 grey images padded to 16x16.

make train CONFIG=cinc_digits
"""

from training.configs import cinc_photos


def get_config():
  """The configuration."""
  config = cinc_photos.get_config()
  config.data.name = 'digits'
  config.data.image_size = 16
  config.data.flip = False
  config.flow.levels = 2
  config.flow.coupling = 'quad'
  config.flow.hidden_channels = 64
  return config
