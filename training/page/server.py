"""Opens a flow and serves its page."""

import contextlib
import os
import pathlib
import socket
import webbrowser

from ..errors import UserError

__all__ = ['serve']

_HOST = '127.0.0.1'
_LARGEST_FILE = 20  # megabytes; photographs of a camera have fewer

# Options of Streamlit. They override a config.toml of the user.
_OPTIONS = {
  'browser.gatherUsageStats': False,
  'client.showErrorDetails': 'none',  # the terminal shows them
  'client.toolbarMode': 'minimal',
  'server.fileWatcherType': 'none',
  'server.headless': True,
  'server.maxUploadSize': _LARGEST_FILE,
  'theme.primaryColor': '#1f6feb',  # not red, which is for errors
}


def serve(
  path: str | None = None, port: int = 8501, open_browser: bool = False
) -> None:
  """Serves the page of a flow on 127.0.0.1 until it is interrupted.

  Args:
    path: Folder of a run or of a SavedModel, a file of weights, or the name of
      a flow of the package. None offers all flows of the package.
    port: Port to listen on; 0 chooses a free one.
    open_browser: Whether to open the page in the browser of the user.

  Raises:
    UserError: If there is no flow, the port is not available, or Streamlit is
      not installed.
  """
  try:
    import streamlit
    import uvicorn
    from starlette.middleware import Middleware
    from streamlit import config as streamlit_config
  except ImportError as error:
    raise UserError(
      f'the page needs Streamlit ({error}); install it with pip install '
      "'.[demo]'."
    ) from None
  from tfp_cinc.models import pretrained_names

  from .flow_menu import open_menu
  from .guard import Guard

  for name, value in _OPTIONS.items():
    streamlit_config.set_option(name, value)
  # The user may end it with Ctrl-C at any moment.
  with contextlib.suppress(KeyboardInterrupt), _bind(port) as listener:
    address = f'http://{_HOST}:{listener.getsockname()[1]}'
    paths = pretrained_names() if path is None else [path]
    print(f'Opening {paths[0]} and tracing its functions ...', flush=True)
    open_menu(paths)
    os.environ['TFP_CINC_PAGE'] = __package__
    page = pathlib.Path(__file__).with_name('script.py')
    config = uvicorn.Config(
      streamlit.App(page, middleware=[Middleware(Guard)]),
      log_level='error',
      ws_max_size=2**20 * (_LARGEST_FILE + 1),
      timeout_graceful_shutdown=1,
    )
    print(f'Flow {paths[0]}: {address} (end with Ctrl-C)', flush=True)
    if open_browser:
      webbrowser.open(address)
    uvicorn.Server(config).run(sockets=[listener])


def _bind(port):
  """Returns a socket that listens on 127.0.0.1."""
  if not 0 <= port <= 65535:
    raise UserError(f'--port is {port}; it must be from 0 to 65535.')
  listener = socket.socket()
  # Without this, the port would be blocked for a minute after the page ends.
  listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
  try:
    listener.bind((_HOST, port))
    listener.listen()
  except OSError as error:
    listener.close()
    raise UserError(
      f'port {port} of {_HOST} is not available ({error.strerror}); use --port '
      f'{_free_port()}, which is free, or --port 0 for any free port.'
    ) from None
  return listener


def _free_port():
  with socket.socket() as probe:
    probe.bind((_HOST, 0))
    return probe.getsockname()[1]
