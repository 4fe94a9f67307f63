"""Tests of the progress of runs and of long commands."""

import io
import types

import pytest
import tensorflow as tf

from training import progress
from training.progress import Progress, duration, tracked


class Terminal(io.StringIO):
  def isatty(self):
    return True


def drive(stream, **options):
  """Writes the progress of steps 3 to 5 of 5 to a stream."""
  with Progress(5, 2, stream=stream, **options) as bar:
    assert bar.seconds_left() is None
    bar.update(3)
    bar.update(4, {'bits_per_dim': tf.constant(3.25)}, 127.6)
    left = bar.seconds_left()
    bar.update(5, {'bits_per_dim': tf.constant(3.125)})
  return left


def test_run_prints_lines_in_a_log_file():
  stream = io.StringIO()
  drive(stream)
  assert stream.getvalue().splitlines() == [
    'step 4/5 (80%), 3.250 bits/dim, 128 images/s, 0:00 left',
    'step 5/5 (100%), 3.125 bits/dim',
  ]


def test_run_is_a_bar_at_a_terminal():
  stream = Terminal()
  drive(stream)
  last = stream.getvalue().strip().split('\r')[-1]
  assert '100%' in last
  assert '5/5' in last
  assert '3.125 bits/dim' in last
  assert 'step 4/5' not in stream.getvalue()


@pytest.mark.parametrize('stream', [io.StringIO(), Terminal()])
def test_only_the_first_worker_shows_progress(stream):
  drive(stream, is_first=False)
  assert stream.getvalue() == ''


def test_time_left_is_at_most_the_time_limit():
  assert drive(io.StringIO(), seconds_left=-1.0) == 0.0
  assert drive(io.StringIO()) > 0.0


def test_speed_starts_again_after_a_return_to_a_commit():
  stream = io.StringIO()
  with Progress(10, 0, stream=stream) as bar:
    bar.update(6)
    bar.update(4)
    assert bar.seconds_left() is None
    bar.update(5, {'bits_per_dim': 3.0})
  assert stream.getvalue().startswith('step 5/10 (50%), 3.000 bits/dim')


def test_durations():
  durations = {
    7.9: '0:07',
    750: '12:30',
    11045: '3:04:05',
    86400 + 3600: '1 day 1:00:00',
    3 * 86400: '3 days 0:00:00',
  }
  for seconds, text in durations.items():
    assert duration(seconds) == text


def test_long_task_prints_a_line_after_2_seconds_and_every_10(monkeypatch):
  clock = iter(range(0, 1000, 4))
  time = types.SimpleNamespace(monotonic=lambda: next(clock))
  monkeypatch.setattr(progress, 'time', time)
  stream = io.StringIO()
  parts = [[0] * 20] * 5
  assert list(tracked(parts, 100, 'scored {} images', len, stream)) == parts
  assert stream.getvalue().splitlines() == [
    'scored 20/100 images (20%), 0:16 left',
    'scored 80/100 images (80%), 0:04 left',
  ]


def test_long_task_is_a_bar_at_a_terminal():
  stream = Terminal()
  assert list(tracked('abc', 3, 'read {} files', stream=stream)) == list('abc')
  assert 'read' in stream.getvalue()
  assert '/3' in stream.getvalue()


def test_short_task_prints_nothing():
  stream = io.StringIO()
  list(tracked('abc', 3, 'read {} files', stream=stream))
  assert stream.getvalue() == ''
