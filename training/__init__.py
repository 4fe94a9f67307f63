"""Training of image flows: `tfp-cinc`, or `python -m training` in a checkout.

from tfp_cinc_training import open_flow  # or: from training import open_flow

flow = open_flow('runs/cinc_photos')
images = flow.sample(16, temperature=0.7)
"""

import importlib

__all__ = ['TrainedFlow', 'UserError', 'open_flow']

_MODULES = {
  'TrainedFlow': '.trained',
  'UserError': '.errors',
  'open_flow': '.trained',
}


def __getattr__(name):
  """Imports TensorFlow only when a name is used, for the command line."""
  if name not in _MODULES:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  return getattr(importlib.import_module(_MODULES[name], __name__), name)
