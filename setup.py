"""Packages: the library, and `training/` under a name that cannot clash."""

import setuptools

library, training = (
  setuptools.find_packages(include=[name, f'{name}.*'])
  for name in ('tfp_cinc', 'training')
)
setuptools.setup(
  packages=[*library, *(f'tfp_cinc_{package}' for package in training)],
  package_dir={'tfp_cinc_training': 'training'},
  package_data={
    'tfp_cinc': ['py.typed'],
    'tfp_cinc.models': ['weights/*.npz'],
    'tfp_cinc_training': ['*.sh'],
    'tfp_cinc_training.configs.papers': ['*.json'],
  },
)
