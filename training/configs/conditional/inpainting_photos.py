"""CInC Flow on photographs, given the pixels outside a random rectangle.

  make train CONFIG=inpainting_photos

or, on a folder of photographs,

  tfp-cinc train --config inpainting_photos --data FOLDER \
    --workdir runs/inpainting
"""

from ..cinc_photos import get_config as get_photos_config


def get_config():
  """Returns the configuration."""
  config = get_photos_config()
  config.flow.condition = 'mask'
  config.flow.layers = 'injector+one_by_one+cinc'
  config.train.num_steps = 1000
  return config
