"""Tests of what keeps the page from being served."""

import re
import socket

import pytest

from training.errors import UserError
from training.page import serve


def test_taken_port_is_refused_with_a_free_one():
  with socket.socket() as taken:
    taken.bind(('127.0.0.1', 0))
    taken.listen()
    port = taken.getsockname()[1]
    with pytest.raises(UserError, match=f'port {port} .*--port ') as found:
      serve('/nonexistent', port=port)
    free = int(re.search(r'use --port (\d+)', str(found.value)).group(1))
    assert free != port
  with pytest.raises(UserError, match='65535'):
    serve('/nonexistent', port=70_000)


def test_folder_without_a_flow_is_refused(tmp_path):
  with pytest.raises(UserError, match='holds no run and no SavedModel'):
    serve(str(tmp_path), port=0)
