"""tfp-cinc prepare."""

import click

from .options import click_command

__all__ = ['command']


@click_command(
  'prepare',
  'cifar10 --data-dir ~/tensorflow_datasets',
  short_help='Prepare a data set of TensorFlow Datasets.',
)
@click.argument('dataset', metavar='NAME')
@click.option(
  '--data-dir',
  metavar='FOLDER',
  default='',
  help='Folder of all data sets. [default: that of TensorFlow Datasets]',
)
def command(dataset, data_dir):
  """Download and prepare a data set of TensorFlow Datasets.

  NAME is name[/config][:version].
  """
  from ..data.readers.download import prepare

  print(f'Prepared in {prepare(dataset, data_dir)}')
