"""tfp-cinc configs."""

import click

from ..configs.loading import config_names, load_config
from ..run_folder.config_file import flat_dict
from .options import click_command

__all__ = ['command']


@click_command('configs', 'cinc_photos', short_help='List the configurations.')
@click.argument('name', required=False)
def command(name):
  """List the configurations that `train --config NAME` takes.

  With NAME, print the values of one configuration.
  """
  if name is not None:
    for key, value in flat_dict(load_config(name).to_dict()).items():
      shown = 'that of the model' if value is None else repr(value)
      print(f'config.{key:28} {shown}')
    return
  for name in config_names():
    config = load_config(name)
    data = config.data.tfds_name or config.data.name
    print(f'{name:28} {config.flow.name:20} {data}')
