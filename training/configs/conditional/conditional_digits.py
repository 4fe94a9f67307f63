"""CInC Flow on scikit-learn's digits, given their label.

make train CONFIG=conditional_digits
"""

from ..cinc_digits import get_config as get_unconditional_config


def get_config():
  """Returns the configuration."""
  config = get_unconditional_config()
  config.data.image_size = 8
  config.flow.condition = 'label'
  # Larger networks and longer trainings overfit 1,617 images.
  config.flow.hidden_channels = 32
  config.train.learning_rate = 2e-3
  config.train.num_steps = 1500
  return config
