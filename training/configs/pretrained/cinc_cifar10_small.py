"""CInC Flow on CIFAR-10, in a size that two CPU cores train in hours.

  tfp-cinc train --config cinc_cifar10_small --data FOLDER \
    --workdir runs/cinc_cifar10_small

FOLDER holds train.npy and test.npy. To train on the data set of TensorFlow
Datasets instead, replace --data FOLDER by --config.data.name=tfds
--config.data.tfds_name=cifar10.
"""

from ..cinc_photos import get_config as get_photos_config


def get_config():
  """Returns the configuration."""
  config = get_photos_config()
  config.data.name = 'arrays'
  config.flow.depth = 8
  config.flow.padding = 'in_turn'
  config.flow.hidden_channels = 160
  config.train.batch_size = 128
  config.train.noise_channels = 32
  config.train.learning_rate = 6e-3
  config.train.warmup_steps = 200
  config.train.num_steps = 20000
  config.train.max_minutes = 0.0
  config.train.eval_every = 1000
  config.train.checkpoint_every = 500
  config.eval.num_images = 2000
  config.eval.noise_draws = 32
  return config
