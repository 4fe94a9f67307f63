"""Tests of files that are written completely or not at all."""

import json

import pytest

from training.run_folder.files import replace_file, write_json


def test_json_file_is_readable_by_others(tmp_path):
  path = tmp_path / 'new' / 'file.json'
  write_json(path, {'b': 1, 'a': [2.5]})
  assert json.loads(path.read_text()) == {'a': [2.5], 'b': 1}
  assert path.stat().st_mode & 0o777 == 0o644


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
  path = tmp_path / 'file.json'
  replace_file(path, b'old')

  def full_disk(*_):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr('os.fsync', full_disk)
  with pytest.raises(OSError, match='No space left'):
    replace_file(path, b'new')
  assert path.read_bytes() == b'old'
  assert [entry.name for entry in tmp_path.iterdir()] == ['file.json']
