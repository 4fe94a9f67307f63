"""CInC Flow on crops of scikit-learn's two photographs: the main job.

  make train CONFIG=cinc_photos

or `make train`: the default flow, the CInC paper's 3x3 convolution behind a 1x1
one, by Muon and with learned noise within the pixels' bins, at a size for 5
minutes on 2 CPU cores.
"""

from training.configs.base import get_photos_config


def get_config():
  """The configuration."""
  config = get_photos_config('cinc')
  config.flow.network_dtype = 'auto'
  config.train.optimizer = 'muon'
  config.train.dequantization = 'variational'
  config.train.learning_rate = 8e-3
  config.train.num_steps = 1600  # it takes them faster than the others
  return config
