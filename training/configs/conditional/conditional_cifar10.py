"""CInC Flow on CIFAR-10, given the label.

  tfp-cinc train --config conditional_cifar10 --data FOLDER \
    --workdir runs/conditional_cifar10

FOLDER holds train.npy, test.npy, train_labels.npy and test_labels.npy. To
train on the data set of TensorFlow Datasets instead, replace --data FOLDER by
--config.data.name=tfds --config.data.tfds_name=cifar10. The size is for 5
minutes on 2 CPU cores.
"""

from ..cinc_photos import get_config as get_photos_config


def get_config():
  """Returns the configuration."""
  config = get_photos_config()
  config.data.name = 'arrays'
  config.flow.condition = 'label'
  config.eval.num_classified = 1000
  config.eval.noise_draws = 1
  config.train.num_steps = 1000
  return config
