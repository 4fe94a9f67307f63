"""CInC Flow on crops of scikit-learn's two photographs, the main example.

  make train CONFIG=cinc_photos

or only `make train`. It trains the default flow, a 1x1 convolution followed by
the 3x3 convolution of the CInC paper, with the Muon optimizer and learned
dequantization noise. The size is for 5 minutes on 2 CPU cores.
"""

from .base import get_photos_config


def get_config():
  """Returns the configuration."""
  config = get_photos_config('cinc')
  config.flow.network_dtype = 'auto'
  config.train.optimizer = 'muon'
  config.train.dequantization = 'variational'
  config.train.learning_rate = 8e-3
  config.train.num_steps = 1600  # its steps are faster than those of the others
  return config
