"""Tests of files and folders that are replaced completely or not at all."""

import concurrent.futures
import errno
import fcntl
import os
import subprocess

import pytest

from tests.programs import processes
from tests.programs.file_writers import WRITERS
from tfp_cinc.internal import files


def content(path):
  """Returns the content of a file, or of all files below a folder."""
  if path.is_dir():
    return {
      str(x.relative_to(path)): x.read_text()
      for x in sorted(path.rglob('*'))
      if x.is_file()
    }
  return path.read_text() if path.exists() else None


def names(folder):
  return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=[True, False], ids=['exchange', 'two_steps'])
def can_exchange(request, monkeypatch):
  if not request.param:
    monkeypatch.setattr(files, '_exchange', lambda first, second: False)


@pytest.mark.parametrize('name', WRITERS)
def test_new_content_takes_the_place_of_the_old(tmp_path, monkeypatch, name):
  monkeypatch.setattr(files, '_exchange', files._exchange)  # is restored
  for text in ('old', 'new'):
    WRITERS[name](tmp_path, text)
    found = content(tmp_path / 'target')
    assert found in (text, {'a': text, 'inner/b': text})
    assert names(tmp_path) == ['target']
    mode = 0o755 if name != 'write_file' else 0o644
    assert (tmp_path / 'target').stat().st_mode & 0o777 == mode


@pytest.mark.parametrize('exists', [True, False])
def test_link_stays_a_link(tmp_path, exists):
  (tmp_path / 'disk').mkdir()
  if exists:
    (tmp_path / 'disk' / 'model').mkdir()
  link = tmp_path / 'link'
  link.symlink_to(tmp_path / 'disk' / 'model')
  with files.replace_folder(link) as folder:
    (folder / 'a').write_text('new')
  assert link.is_symlink()
  assert (tmp_path / 'disk' / 'model' / 'a').read_text() == 'new'
  assert names(tmp_path / 'disk') == ['model']


def test_linux_exchanges_two_folders_in_one_step(tmp_path):
  for name in 'ab':
    (tmp_path / name).mkdir()
    (tmp_path / name / 'name').write_text(name)
  assert files._exchange(tmp_path / 'a', tmp_path / 'b')
  assert (tmp_path / 'a' / 'name').read_text() == 'b'
  assert (tmp_path / 'b' / 'name').read_text() == 'a'
  assert not files._exchange(tmp_path / 'a', tmp_path / 'none')


@pytest.mark.parametrize('name', WRITERS)
def test_failed_write_leaves_the_old_content(tmp_path, monkeypatch, name):
  monkeypatch.setattr(files, '_exchange', files._exchange)
  WRITERS[name](tmp_path, 'old')
  before = content(tmp_path / 'target')

  def fail(*_):
    raise OSError(errno.EIO, os.strerror(errno.EIO))

  monkeypatch.setattr('os.fsync', fail)
  with pytest.raises(OSError, match='Input/output error'):
    WRITERS[name](tmp_path, 'new')
  assert content(tmp_path / 'target') == before
  assert names(tmp_path) == ['target']


def test_error_within_the_folder_leaves_the_old_one(tmp_path, can_exchange):
  WRITERS['write_folder'](tmp_path, 'old')

  def write_half():
    with files.replace_folder(tmp_path / 'target') as new:
      (new / 'half').write_text('')
      raise ZeroDivisionError

  with pytest.raises(ZeroDivisionError):
    write_half()
  assert content(tmp_path / 'target') == {'a': 'old', 'inner/b': 'old'}
  assert names(tmp_path) == ['target']


def test_second_step_that_fails_restores_the_old_folder(tmp_path, monkeypatch):
  WRITERS['write_folder'](tmp_path, 'old')
  monkeypatch.setattr(files, '_exchange', lambda first, second: False)
  rename = os.rename

  def fail_for_the_new_one(source, target):
    if str(source).endswith('.tmp'):
      raise OSError(errno.EIO, os.strerror(errno.EIO))
    rename(source, target)

  monkeypatch.setattr('os.rename', fail_for_the_new_one)
  with pytest.raises(OSError, match='Input/output error'):
    WRITERS['write_folder'](tmp_path, 'new')
  assert content(tmp_path / 'target') == {'a': 'old', 'inner/b': 'old'}
  assert names(tmp_path) == ['target']


def test_files_and_folders_are_synced_before_their_names(tmp_path, monkeypatch):
  events = []
  fsync, replace, rename = os.fsync, os.replace, os.rename

  def name_of(handle):
    return os.path.basename(os.readlink(f'/proc/self/fd/{handle}'))

  def note_sync(handle):
    events.append(name_of(handle))
    fsync(handle)

  def note_name(function):
    def call(source, target):
      events.append('rename')
      function(source, target)

    return call

  monkeypatch.setattr('os.fsync', note_sync)
  monkeypatch.setattr('os.replace', note_name(replace))
  monkeypatch.setattr('os.rename', note_name(rename))
  WRITERS['write_file'](tmp_path, 'text')
  [temporary, *others] = events
  assert temporary.startswith('.target-')
  assert others == ['rename', tmp_path.name]
  (tmp_path / 'target').unlink()
  events.clear()
  WRITERS['write_folder'](tmp_path, 'text')
  renamed = events.index('rename')
  assert {'a', 'b', 'inner'} < set(events[:renamed])
  assert events[renamed - 1].startswith('.target-')
  assert events[renamed + 1 :] == [tmp_path.name]


def test_only_names_of_killed_writers_of_this_path_are_removed(tmp_path):
  kept = [
    '.other-abcdefgh.tmp',
    '.target-backup',
    '.target-personal',
    '.target-abcdefgh.tmp.bak',
    'target-abcdefgh.tmp',
  ]
  for name in [*kept, '.target-abcdefgh.tmp']:
    (tmp_path / name).write_text('text')
  (tmp_path / '.target-12345678.tmp').mkdir()
  (tmp_path / '.target-12345678.tmp' / 'part').write_text('text')
  alive = tmp_path / '.target-a1b2c3d4.tmp'
  with open(alive, 'w') as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    files.replace_file(tmp_path / 'target', b'text')
    assert names(tmp_path) == sorted([*kept, alive.name, 'target'])
  files.replace_file(tmp_path / 'target', b'text')
  assert names(tmp_path) == sorted([*kept, 'target'])


def test_name_that_is_removed_before_it_is_locked(tmp_path, monkeypatch):
  """Another process takes the new name for a leftover."""
  lock, taken = files._lock, []

  def removed_at_first(path, wait=False):
    if wait and not taken:
      taken.append(path)
      path.unlink()
    return lock(path, wait)

  monkeypatch.setattr(files, '_lock', removed_at_first)
  files.replace_file(tmp_path / 'target', b'text')
  assert taken
  assert (tmp_path / 'target').read_text() == 'text'
  assert names(tmp_path) == ['target']


@pytest.mark.parametrize('name', ['write_file', 'write_folder'])
def test_writers_at_once_leave_the_content_of_one(tmp_path, name):
  with concurrent.futures.ThreadPoolExecutor(4) as pool:
    texts = [str(number) for number in range(40)]
    list(pool.map(lambda text: WRITERS[name](tmp_path, text), texts))
  found = content(tmp_path / 'target')
  assert found in [*texts, *({'a': x, 'inner/b': x} for x in texts)]
  assert names(tmp_path) == ['target']


@pytest.mark.slow
@pytest.mark.parametrize('name', WRITERS)
def test_kill_at_any_change_loses_nothing(tmp_path, name):
  """After each kill, the next write finds the old or the new content."""
  new = 'new' if name == 'write_file' else {'a': 'new', 'inner/b': 'new'}
  old = 'old' if name == 'write_file' else {'a': 'old', 'inner/b': 'old'}
  write = WRITERS[name.removesuffix('_in_two_steps')]
  found, remains, missing, answer, number = [], 0, 0, 'killed', 0
  process = subprocess.Popen(
    processes.command('tests.programs.file_writers', tmp_path),
    cwd=processes.ROOT,
    text=True,
    bufsize=1,
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
  )
  with process:
    while answer == 'killed':
      folder = tmp_path / str(number)
      folder.mkdir()
      write(folder, 'old')
      process.stdin.write(f'{name} {number} {number}\n')
      answer = process.stdout.readline().strip()
      remains += len(names(folder)) > 1
      missing += not (folder / 'target').exists()
      files._remove_leftovers(folder / 'target')  # as the next write does
      assert names(folder) == ['target']
      found.append(content(folder / 'target'))
      number += 1
    process.stdin.close()
  assert answer == 'finished'
  assert bool(missing) == (name == 'write_folder_in_two_steps')
  assert remains > 3, 'too few writers were killed while writing'
  # First the old content, then only the new one.
  assert found == sorted(found, key=[old, new].index)
  assert old in found
  assert found[-1] == new
