"""CInC Flow on MNIST, or on another set of gray images of 28 x 28 pixels.

  tfp-cinc train --config cinc_mnist --data FOLDER --workdir runs/cinc_mnist

FOLDER holds train.npy and test.npy. To train on the data set of TensorFlow
Datasets instead, replace --data FOLDER by --config.data.name=tfds
--config.data.tfds_name=mnist.
"""

from ..cinc_photos import get_config as get_photos_config


def get_config():
  """Returns the configuration."""
  config = get_photos_config()
  config.data.name = 'arrays'
  config.data.image_size = 28
  config.data.flip = False
  config.flow.levels = 2
  config.flow.depth = 6
  config.flow.padding = 'in_turn'
  config.flow.hidden_channels = 64
  config.train.batch_size = 128
  config.train.num_steps = 3000
  config.train.max_minutes = 0.0
  config.eval.num_images = 1000
  config.eval.noise_draws = 8
  return config
