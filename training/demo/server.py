"""Opens a flow and serves its page."""

import contextlib
import pathlib
import socket
import webbrowser

from training.errors import UserError

__all__ = ['serve']

_HOST = '127.0.0.1'
_LARGEST_FILE = 20  # megabytes; a camera's photograph has fewer

# Streamlit's own, whatever a config.toml of the user says.
_OPTIONS = {
  'browser.gatherUsageStats': False,
  'client.showErrorDetails': 'none',  # the terminal has them
  'client.toolbarMode': 'minimal',
  'server.fileWatcherType': 'none',
  'server.headless': True,
  'server.maxUploadSize': _LARGEST_FILE,
  'theme.primaryColor': '#1f6feb',  # red is for what is wrong
}


def serve(path: str, port: int = 8501, open_browser: bool = False) -> None:
  """Serves the page of a flow on 127.0.0.1 until it is interrupted.

  Args:
    path: the workdir of a run, or the folder of a SavedModel.
    port: to listen on; 0 takes any that is free.
    open_browser: whether to show the page in the user's browser.

  Raises:
    UserError: if the path holds no flow, the port cannot be had, or Streamlit
      is not installed.
  """
  try:
    import streamlit
    import uvicorn
    from starlette.middleware import Middleware
    from streamlit import config as streamlit_config
  except ImportError as error:
    raise UserError(
      f"the page needs Streamlit ({error}): pip install '.[demo]'"
    ) from None
  from training.demo import served
  from training.demo.guard import Guard

  for name, value in _OPTIONS.items():
    streamlit_config.set_option(name, value)
  # Ctrl-C is how this ends, at any moment.
  with contextlib.suppress(KeyboardInterrupt), _bind(port) as listener:
    address = f'http://{_HOST}:{listener.getsockname()[1]}'
    print(f'Opening {path} and tracing its functions ...', flush=True)
    flow = served.open_served(path)
    page = pathlib.Path(__file__).with_name('page.py')
    config = uvicorn.Config(
      streamlit.App(page, middleware=[Middleware(Guard)]),
      log_level='error',
      ws_max_size=2**20 * (_LARGEST_FILE + 1),
      timeout_graceful_shutdown=1,
    )
    print(f'The flow of {flow.name}: {address} (Ctrl-C ends it)', flush=True)
    if open_browser:
      webbrowser.open(address)
    uvicorn.Server(config).run(sockets=[listener])


def _bind(port):
  """A socket that listens on 127.0.0.1, where no other does."""
  if not 0 <= port <= 65535:
    raise UserError(f'--port {port} is none: it goes from 0 (any) to 65535.')
  listener = socket.socket()
  # Else a port could not be had again for a minute after the page's end.
  listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
  try:
    listener.bind((_HOST, port))
    listener.listen()
  except OSError as error:
    listener.close()
    raise UserError(
      f'port {port} of {_HOST} cannot be had ({error.strerror}): take '
      f'--port {_free_port()}, which is free, or --port 0 for any.'
    ) from None
  return listener


def _free_port():
  with socket.socket() as probe:
    probe.bind((_HOST, 0))
    return probe.getsockname()[1]
