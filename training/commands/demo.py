"""tfp-cinc demo."""

import click

from .options import click_command, optional_flow_argument

__all__ = ['command']


@click_command(
  'demo', 'runs/cinc_digits', short_help='Serve a page that uses a flow.'
)
@optional_flow_argument
@click.option(
  '--port',
  type=click.IntRange(0, 65535),
  default=8501,
  show_default=True,
  help='Port of the page; 0 takes any free one.',
)
@click.option('--open-browser', is_flag=True, help='Open the page at once.')
def command(path, port, open_browser):
  """Serve a page that uses a flow, only to this machine.

  PATH is a trained flow: the folder of a run or of a SavedModel, a file of
  weights, or a name such as cinc_digits. Without it, the page offers the
  trained flows of the package.
  """
  from ..page import serve

  serve(path, port=port, open_browser=open_browser)
