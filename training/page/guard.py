"""Restricts the page to this machine."""

import urllib.parse

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

__all__ = ['Guard']

# Through a tunnel (ssh -L) the port may differ, but not the host.
_HOSTS = ('127.0.0.1', 'localhost')

# The page may load only content of this server or content that it made itself.
# Streamlit compiles the scripts of charts in the browser, which needs
# 'unsafe-eval'.
_POLICY = (
  "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
  "connect-src 'self' ws://127.0.0.1:* ws://localhost:* data: blob:; "
  "frame-ancestors 'none'; form-action 'self'"
)


class Guard:
  """ASGI middleware that rejects requests from other sites.

  A request is answered with 403 if its Host is not this machine or if a page of
  another origin sent it. Other sites in the same browser can therefore not read
  images, not even through a host name that resolves to 127.0.0.1. Such requests
  do not reach Streamlit, which would query a server on the internet for the
  address of this machine to check another origin. Every response has a
  Content-Security-Policy, so that the browser loads nothing from other sites.

  Args:
    app: The ASGI application that answers all other requests.
  """

  def __init__(self, app):
    self._app = app

  async def __call__(self, scope, receive, send):
    """Answers one request, see ASGI."""
    if scope['type'] not in ('http', 'websocket'):
      await self._app(scope, receive, send)
      return
    if not _is_own(Headers(scope=scope)):
      answer = PlainTextResponse(
        'This page is only available on this machine.', 403
      )
      await answer(scope, receive, send)
      return

    async def send_with_policy(message):
      if message['type'] == 'http.response.start':
        headers = MutableHeaders(scope=message)
        headers['content-security-policy'] = _POLICY
      await send(message)

    await self._app(scope, receive, send_with_policy)


def _is_own(headers):
  host = headers.get('host', '')
  origin = headers.get('origin')
  try:
    if urllib.parse.urlsplit(f'//{host}').hostname not in _HOSTS:
      return False
    return origin is None or urllib.parse.urlsplit(origin).netloc == host
  except ValueError:  # not a host, such as '['
    return False
