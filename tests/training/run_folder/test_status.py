"""Tests of status.json, the progress of a run."""

import errno
import json
import os

import pytest

from training.run_folder import status

VALUES = {
  'step': 3,
  'num_steps': 6,
  'bits_per_dim': 3.25,
  'images_per_second': 128.4,
}


def test_status_is_written_and_read(tmp_path):
  assert status.read_status(tmp_path) == {}
  assert status.write_status(tmp_path, **VALUES)
  found = status.read_status(tmp_path)
  assert VALUES.items() <= found.items()
  assert (found['ended'], found['notes']) == (False, [])
  assert status.write_status(tmp_path, **VALUES, ended=True)
  assert status.read_status(tmp_path)['ended']
  status.forget(tmp_path)
  assert status.read_status(tmp_path) == {}
  status.forget(tmp_path)


def test_values_that_are_not_finite_are_null(tmp_path):
  values = {**VALUES, 'bits_per_dim': float('nan')}
  status.write_status(tmp_path, **values, test_bits_per_dim=float('inf'))
  text = (tmp_path / 'status.json').read_text()
  found = json.loads(text, parse_constant=pytest.fail)
  assert found['bits_per_dim'] is None
  assert 'test' not in found


def test_what_was_never_logged_is_missing(tmp_path):
  status.write_status(tmp_path, step=3, num_steps=6)
  found = status.read_status(tmp_path)
  assert found['step'] == 3
  assert not {'bits_per_dim', 'images_per_second'} & found.keys()


def test_last_log_stays(tmp_path):
  status.write_status(tmp_path, **VALUES)
  status.write_status(tmp_path, step=6, num_steps=6, ended=True)
  assert status.read_status(tmp_path).items() >= {**VALUES, 'step': 6}.items()


def test_activity_stays_until_the_next_log(tmp_path):
  status.write_status(tmp_path, **VALUES)
  status.set_activity(tmp_path, 'evaluating')
  status.add_note(tmp_path, 'A note.')
  found = status.read_status(tmp_path)
  assert found.items() >= {**VALUES, 'activity': 'evaluating'}.items()
  status.write_status(tmp_path, **VALUES)
  assert 'activity' not in status.read_status(tmp_path)


def test_disk_error_stops_nothing(tmp_path, monkeypatch):
  def full(path, content):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  status.write_status(tmp_path, **VALUES)
  monkeypatch.setattr('training.run_folder.files.replace_file', full)
  assert not status.write_status(tmp_path, **{**VALUES, 'step': 4})
  assert not status.add_note(tmp_path, 'The disk is full.')
  assert not status.set_activity(tmp_path, 'evaluating')
  assert status.read_status(tmp_path)['step'] == 3


@pytest.mark.parametrize(
  'content',
  [
    '{"step": 3',
    '[]',
    '',
    '{"step": 3}',
    '{"notes": [{"text": "no time"}]}',
    '{"notes": 3}',
    '{"activity": 3}',
    '{"test": {"step": 3}}',
    '[' * 100_000,
  ],
)
def test_damaged_file_counts_as_missing(tmp_path, content):
  (tmp_path / 'status.json').write_text(content)
  assert status.read_status(tmp_path) == {}
  assert status.write_status(tmp_path, **VALUES)
  assert status.read_status(tmp_path)['step'] == 3
