"""The files of a run's folder."""

import json

import pytest

from tests.training import tiny
from training import workdir
from training.errors import UserError


def test_config_is_written_and_read(tmp_path):
  config = tiny.get_config()
  workdir.write_config(config, tmp_path)
  assert workdir.read_config(tmp_path).to_dict() == config.to_dict()
  written = json.loads((tmp_path / 'config.json').read_text())
  assert written['versions']['tensorflow'].startswith('2.')
  assert written['git_commit']


def test_another_config_is_refused(tmp_path):
  workdir.write_config(tiny.get_config(), tmp_path)
  workdir.check_config(tiny.get_config(), tmp_path)
  longer = tiny.get_config()
  longer.train.num_steps = 99
  workdir.check_config(longer, tmp_path)
  other = tiny.get_config()
  other.flow.depth = 8
  with pytest.raises(UserError, match='depth 1 -> 8'):
    workdir.check_config(other, tmp_path)


def test_no_run_there(tmp_path):
  with pytest.raises(UserError, match='holds no run'):
    workdir.read_config(tmp_path)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
  path = tmp_path / 'file.json'
  workdir.replace_file(path, b'old')

  def full_disk(*_):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr('os.fsync', full_disk)
  with pytest.raises(OSError, match='No space left'):
    workdir.replace_file(path, b'new')
  assert path.read_bytes() == b'old'
  assert [entry.name for entry in tmp_path.iterdir()] == ['file.json']
