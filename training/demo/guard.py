"""Keeps the page and its answers on this machine."""

import urllib.parse

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

__all__ = ['Guard']

# Of a tunnel (ssh -L) the port may be another, but not the host.
_HOSTS = ('127.0.0.1', 'localhost')

# What the page may load: what this server gives and what it made itself. The
# scripts of Streamlit's charts are compiled in the browser, which 'unsafe-eval'
# allows.
_POLICY = (
  "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
  "connect-src 'self' ws://127.0.0.1:* ws://localhost:* data: blob:; "
  "frame-ancestors 'none'; form-action 'self'"
)


class Guard:
  """ASGI middleware that refuses other sites and binds the page to this one.

  A request whose Host is not this machine's own, or that a page of another
  origin sent, is answered with 403. So no site that is open in the same browser
  reads images, by a name that it lets point to 127.0.0.1 either; and Streamlit,
  which would ask a server on the internet for this machine's address to judge
  another origin, is not asked. Every answer carries a Content-Security-Policy
  by which the browser loads nothing from anywhere else.

  Args:
    app: the ASGI application that answers the rest.
  """

  def __init__(self, app):
    self._app = app

  async def __call__(self, scope, receive, send):
    """Answers one request as ASGI has it."""
    if scope['type'] not in ('http', 'websocket'):
      await self._app(scope, receive, send)
      return
    if not _is_own(Headers(scope=scope)):
      answer = PlainTextResponse('This page is for this machine alone.', 403)
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
  if urllib.parse.urlsplit(f'//{host}').hostname not in _HOSTS:
    return False
  return origin is None or urllib.parse.urlsplit(origin).netloc == host
