"""Tests of the requests that the page answers."""

import asyncio

import pytest

from training.page.guard import Guard


def answer(**headers):
  """Returns the HTTP status of the answer to a request with some headers."""
  sent = []

  async def app(scope, receive, send):
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})

  async def send(message):
    sent.append(message)

  scope = {
    'type': 'http',
    'headers': [(name.encode(), x.encode()) for name, x in headers.items()],
  }
  asyncio.run(Guard(app)(scope, None, send))
  return sent[0]['status']


@pytest.mark.parametrize(
  ('headers', 'status'),
  [
    ({'host': 'localhost:8501'}, 200),
    ({'host': '127.0.0.1:1', 'origin': 'http://127.0.0.1:1'}, 200),
    ({'host': '127.0.0.1:1', 'origin': 'http://127.0.0.1:2'}, 403),
    ({'host': 'example.org'}, 403),
    ({'host': ''}, 403),
    ({'host': '['}, 403),
    ({'host': '[::1'}, 403),
    ({'host': 'localhost]'}, 403),
    ({'host': 'localhost', 'origin': 'http://['}, 403),
  ],
)
def test_only_this_machine_is_answered(headers, status):
  assert answer(**headers) == status
