"""Tests of the lock of a run folder."""

import errno
import fcntl

import pytest

from training.errors import UserError
from training.run_folder.lock import FolderLock, is_locked, lock_folder

INSTEAD = 'use another folder'


def test_second_process_is_refused(tmp_path):
  """A second lock in the same process is refused as well."""
  assert not is_locked(tmp_path)
  with lock_folder(tmp_path, INSTEAD):
    assert is_locked(tmp_path)
    with (
      pytest.raises(
        UserError, match=r'another process is training in .* use another folder'
      ),
      lock_folder(tmp_path, INSTEAD),
    ):
      pass
  assert not is_locked(tmp_path)
  with lock_folder(tmp_path, INSTEAD):
    pass


def test_lock_is_held_and_released_in_the_middle_of_a_block(tmp_path):
  with FolderLock(tmp_path / 'run') as lock:
    assert not (tmp_path / 'run').exists()
    for held in (True, True, False, False, True):
      lock.hold(held)
      assert is_locked(tmp_path / 'run') == held
  assert not is_locked(tmp_path / 'run')


def test_reader_does_not_keep_a_run_from_starting(tmp_path, monkeypatch):
  """`status` shares the lock for a moment, in which the run asks for it."""
  flock, asked = fcntl.flock, []
  with lock_folder(tmp_path, INSTEAD):
    pass
  with open(tmp_path / '.lock') as reader:
    flock(reader, fcntl.LOCK_SH)

    def end_reading_at_the_second_call(file, kind):
      asked.append(kind)
      if len(asked) == 2:
        flock(reader, fcntl.LOCK_UN)
      flock(file, kind)

    monkeypatch.setattr('fcntl.flock', end_reading_at_the_second_call)
    with lock_folder(tmp_path, INSTEAD):
      monkeypatch.undo()
      assert is_locked(tmp_path)
  assert len(asked) == 3


def test_folder_that_cannot_be_written(tmp_path):
  (tmp_path / 'file').write_text('')
  with (
    pytest.raises(UserError, match=r'file.run cannot be written \(Not a dir'),
    lock_folder(tmp_path / 'file' / 'run', INSTEAD),
  ):
    pass


def test_file_system_without_locks_is_used(tmp_path, monkeypatch):
  def no_locks(*_):
    raise OSError(errno.ENOLCK, 'No locks available')

  monkeypatch.setattr('fcntl.flock', no_locks)
  with lock_folder(tmp_path, INSTEAD):
    pass
