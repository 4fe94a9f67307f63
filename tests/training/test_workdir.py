"""The files of a run's folder."""

import errno
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
  other = tiny.get_config()
  other.flow.depth = 8
  # Nothing is lost where there is no checkpoint and no result.
  assert workdir.check_config(other, tmp_path) == []
  (tmp_path / 'saved_model').mkdir()
  with pytest.raises(UserError, match='depth 1 -> 8'):
    workdir.check_config(other, tmp_path)
  (tmp_path / 'saved_model').rmdir()
  (tmp_path / 'checkpoints' / 'step_000000002').mkdir(parents=True)
  assert workdir.check_config(tiny.get_config(), tmp_path) == []
  longer = tiny.get_config()
  longer.train.num_steps = 99
  longer.train.learning_rate = 1e-4
  assert workdir.check_config(longer, tmp_path) == [
    'train.learning_rate 0.001 -> 0.0001',
    'train.num_steps 6 -> 99',
  ]
  with pytest.raises(UserError, match='depth 1 -> 8'):
    workdir.check_config(other, tmp_path)


def test_a_run_that_is_begun_anew_has_its_own_versions(tmp_path):
  workdir.write_config(tiny.get_config(), tmp_path)
  path = tmp_path / 'config.json'
  old = path.read_text()
  path.write_text(old.replace('"seed": 0', '"seed": 1').replace('2.', '1.'))
  workdir.write_config(tiny.get_config(), tmp_path)
  assert path.read_text() == old


def test_a_folder_that_cannot_be_locked(tmp_path, monkeypatch):
  (tmp_path / 'file').write_text('')
  with (
    pytest.raises(UserError, match=r'file.run cannot be written \(Not a dir'),
    workdir.lock(tmp_path / 'file' / 'run'),
  ):
    pass

  def no_locks(*_):
    raise OSError(errno.ENOLCK, 'No locks available')

  monkeypatch.setattr('fcntl.flock', no_locks)
  with workdir.lock(tmp_path):
    pass


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
