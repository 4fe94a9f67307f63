"""Progress of long commands."""

import io

from training import tracked
from training.tracked import tracked as track


class Terminal(io.StringIO):
  def isatty(self):
    return True


def test_plain_lines_from_time_to_time(monkeypatch):
  clock = iter(range(0, 1000, 4))
  monkeypatch.setattr(tracked.time, 'monotonic', lambda: next(clock))
  stream = io.StringIO()
  parts = [[0] * 25] * 4
  assert list(track(parts, 100, 'scored {} images', len, stream)) == parts
  assert stream.getvalue() == 'scored 75/100 images (75%), 0:04 left\n'


def test_a_bar_at_a_terminal():
  stream = Terminal()
  assert list(track('abc', 3, 'read {} files', stream=stream)) == list('abc')
  assert 'read' in stream.getvalue()
  assert '/3' in stream.getvalue()


def test_little_work_says_nothing():
  stream = io.StringIO()
  list(track('abc', 3, 'read {} files', stream=stream))
  assert stream.getvalue() == ''
