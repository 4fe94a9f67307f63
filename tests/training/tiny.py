"""A configuration that trains in seconds, for the tests."""

from training.configs.base import get_base_config


def get_config():
  """Returns the configuration."""
  config = get_base_config()
  config.data.name = 'digits'
  config.data.image_size = 8
  config.data.flip = False
  config.flow.levels = 1
  config.flow.depth = 1
  config.flow.coupling = 'affine'
  config.flow.hidden_channels = 4
  config.flow.kernel_size = 3
  config.flow.layers = 'one_by_one+cinc'
  config.train.num_steps = 6
  config.train.batch_size = 8
  config.train.warmup_steps = 2
  config.train.init_images = 32
  config.train.log_every = 2
  config.train.eval_every = 4
  config.train.checkpoint_every = 2
  config.eval.num_images = 8
  config.eval.noise_draws = 2
  return config
