"""Atomic replacement of files and folders.

A file or folder is written under a temporary name next to its path, synced to
disk and then renamed. Readers see the old or the new content, never a part of
it, also after the process was killed or the machine lost power.
"""

import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import sys
import tempfile
import types
from collections.abc import Iterator

fcntl: types.ModuleType | None
try:
  import fcntl
except ImportError:  # Windows, where leftovers of killed processes stay
  fcntl = None

__all__ = ['replace_file', 'replace_folder']

# `.old` exists only while a folder is replaced in two steps.
_TEMPORARY, _OLD = '.tmp', '.old'


def replace_file(path: str | os.PathLike, content: bytes) -> None:
  """Writes a file atomically.

  Args:
    path: Path of the file. Its folder must exist.
    content: Content of the file.

  Raises:
    OSError: If the file cannot be written. No part of it is then at `path`.
  """
  path = pathlib.Path(os.path.realpath(path))  # not the link to it
  with _temporary(path, _make_file) as temporary:
    temporary.write_bytes(content)
    _sync(temporary)
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)
    _sync_names(path.parent)


@contextlib.contextmanager
def replace_folder(path: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Yields an empty folder that takes the place of `path` at the end.

  An existing folder at `path` is exchanged with the new one in a single step if
  the system has `renameat2`. Otherwise it is renamed first; if the process is
  killed at that moment, the next call for this path restores it.

  Args:
    path: Path of the folder. Its parent must exist.

  Yields:
    Path of the folder to fill. After an exception it is removed, and `path` is
    unchanged.

  Raises:
    OSError: If the folder cannot be written. No part of it is then at `path`.
  """
  path = pathlib.Path(os.path.realpath(path))  # not the link to it
  with _temporary(path, _make_folder) as temporary:
    yield temporary
    for entry in [*temporary.rglob('*'), temporary]:
      _sync(entry)
    os.chmod(temporary, 0o755)
    if not os.path.lexists(path):
      os.rename(temporary, path)
    elif not _exchange(temporary, path):
      _replace_in_two_steps(temporary, path)
    _sync_names(path.parent)


@contextlib.contextmanager
def _temporary(path, make):
  """Yields a new temporary file or folder; removes at the end what is left.

  It is locked until then. A lock ends with its process, so a temporary name
  that is not locked belongs to a process that was killed.
  """
  path = pathlib.Path(path)
  _remove_leftovers(path)
  while True:
    temporary = make(path)
    lock = _lock(temporary, wait=True)
    if temporary.exists():
      break
    # Another process removed it as a leftover before it was locked.
    _unlock(lock)
  try:
    yield temporary
  finally:
    _remove(temporary)
    _unlock(lock)


def _make_file(path):
  handle, name = tempfile.mkstemp(_TEMPORARY, f'.{path.name}-', path.parent)
  os.close(handle)
  return pathlib.Path(name)


def _make_folder(path):
  return pathlib.Path(
    tempfile.mkdtemp(_TEMPORARY, f'.{path.name}-', path.parent)
  )


def _remove_leftovers(path):
  """Removes the temporary files and folders of processes that were killed."""
  name = re.compile(
    re.escape(f'.{path.name}-')
    + rf'[a-z0-9_]{{8}}({re.escape(_TEMPORARY)}|{re.escape(_OLD)})'
  )
  try:
    found = [x for x in path.parent.iterdir() if name.fullmatch(x.name)]
  except OSError:  # a folder that can be written but not listed
    return
  for leftover in found:
    lock = _lock(leftover)
    if lock is None:
      continue
    try:
      if leftover.suffix == _OLD and not os.path.lexists(path):
        with contextlib.suppress(OSError):
          os.rename(leftover, path)
      else:
        _remove(leftover)
    finally:
      _unlock(lock)


def _replace_in_two_steps(temporary, path):
  """Replaces a folder on systems that cannot exchange two names."""
  old = temporary.with_suffix(_OLD)
  lock = _lock(path)
  try:
    os.rename(path, old)
    try:
      os.rename(temporary, path)
    except BaseException:
      os.rename(old, path)
      raise
    _sync_names(path.parent)
    _remove(old)
  finally:
    _unlock(lock)


def _exchange(first, second) -> bool:
  """Exchanges two names in a single step; returns False if that fails."""
  if not sys.platform.startswith('linux'):
    return False
  rename = getattr(ctypes.CDLL(None), 'renameat2', None)
  if rename is None:
    return False
  at_cwd, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
  names = (os.fsencode(name) for name in (first, second))
  first, second = map(ctypes.c_char_p, names)
  return rename(at_cwd, first, at_cwd, second, exchange) == 0


def _lock(path, wait=False):
  """Returns a locked file descriptor; None if another process has the lock.

  None too if the file system has no locks; nobody then removes a leftover.
  """
  if fcntl is None:
    return None
  handle = None
  try:
    handle = os.open(path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
  except OSError:
    _unlock(handle)
    return None
  return handle


def _unlock(handle):
  if handle is not None:
    os.close(handle)


def _remove(path):
  """Removes a file or folder as far as that is possible."""
  if path.is_dir() and not path.is_symlink():
    shutil.rmtree(path, ignore_errors=True)
  else:
    with contextlib.suppress(OSError):
      path.unlink()


def _sync_names(folder):
  """Syncs the names in a folder, which the user may not be allowed to open."""
  with contextlib.suppress(OSError):
    _sync(folder)


def _sync(path):
  """Syncs a file, or the entries of a folder, to disk."""
  if os.name == 'nt':
    return  # it syncs only files that are open for writing
  handle = os.open(path, os.O_RDONLY)
  try:
    os.fsync(handle)
  finally:
    os.close(handle)
