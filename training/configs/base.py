"""Values that several configurations share."""

import ml_collections

from .options import default_config

__all__ = [
  'get_base_config',
  'get_digits_config',
  'get_photos_config',
  'get_short_config',
]


def get_base_config() -> ml_collections.ConfigDict:
  """Returns the default of every value; see `options.OPTIONS`."""
  return default_config()


def get_short_config(model: str) -> ml_collections.ConfigDict:
  """Returns a configuration of 5 minutes of training on the photographs.

  The flow has the default arguments of its function.

  Args:
    model: Name of a function of `tfp_cinc.models`.

  Returns:
    The configuration.
  """
  config = get_base_config()
  config.flow.name = model
  config.train.num_steps = 1200
  config.train.max_minutes = 5.0
  config.train.schedule = 'cosine'
  return config


def get_photos_config(model: str) -> ml_collections.ConfigDict:
  """Returns a configuration of a multi-scale flow on the photographs.

  It trains for 5 minutes on 2 CPU cores.

  Args:
    model: Name of a function of `tfp_cinc.models`.

  Returns:
    The configuration.
  """
  config = get_short_config(model)
  config.flow.levels = 3
  config.flow.depth = 4
  config.flow.coupling = 'affine'
  # With 'sigmoid', as in the published code, a tenth of the samples are not
  # finite after these few steps: the inverse of the coupling is unbounded.
  config.flow.scale_function = 'tanh'
  config.flow.hidden_channels = 128
  config.train.learning_rate = 3e-3
  return config


def get_digits_config(model: str) -> ml_collections.ConfigDict:
  """Returns a configuration of a flow on the 64 pixels of a digit.

  It trains for 5 minutes on 2 CPU cores.

  Args:
    model: Name of a function of `tfp_cinc.models`.

  Returns:
    The configuration.
  """
  config = get_short_config(model)
  config.data.name = 'digits'
  config.data.image_size = 8
  config.data.flip = False
  return config
