"""CInC Flow on photographs, given each image at half its height and width.

  make train CONFIG=super_resolution_photos

or, on a folder of photographs,

  tfp-cinc train --config super_resolution_photos --data FOLDER \
    --workdir runs/super_resolution
"""

from ..cinc_photos import get_config as get_photos_config


def get_config():
  """Returns the configuration."""
  config = get_photos_config()
  config.flow.condition = 'low_resolution'
  config.flow.layers = 'injector+one_by_one+cinc'
  config.train.num_steps = 1000
  return config
