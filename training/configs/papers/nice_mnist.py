"""NICE on MNIST: 4 additive couplings, networks of 5 x 1000 units.

  tfp-cinc train --config nice_mnist --workdir runs/nice_mnist

Published: 1980.50 nats of images in [0, 1], 4.356 bits/dim (Dinh, Krueger and
Bengio 2015, figure 3).

As in the paper: Adam with learning rate 0.001, a logistic prior, 28x28 images
without preprocessing, and 1500 epochs. The paper uses the best epoch according
to a validation set. Unlike the paper, this configuration has the default
constants of Adam. The batch size of 256 is our choice.
"""

from ..base import get_base_config


def get_config():
  """Returns the configuration."""
  config = get_base_config()
  config.data.name = 'tfds'
  config.data.tfds_name = 'mnist'
  config.data.image_size = 28
  config.data.flip = False
  config.flow.name = 'nice'
  config.flow.depth = 4
  config.flow.hidden_channels = 1000
  config.train.batch_size = 256
  config.train.num_steps = 1500 * 60_000 // 256
  config.train.log_every = 100
  config.train.eval_every = 2000
  config.train.checkpoint_every = 1000
  return config
