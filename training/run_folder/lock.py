"""The lock of a run folder: one process trains in it at a time."""

import contextlib
import errno
import fcntl
import pathlib
from collections.abc import Iterator

from ..errors import UserError

__all__ = ['FolderLock', 'is_locked', 'lock_folder']


class FolderLock:
  """Keeps other processes from training in a folder.

  A file system without locks keeps nobody away. The lock ends with the process
  that holds it, however that ends.
  """

  def __init__(self, folder, instead: str = 'use another --workdir'):
    """Prepares the lock; it is not held yet.

    Args:
      folder: The folder. `hold` makes it if it is missing.
      instead: What the user can do other than wait, for the error message.
    """
    self._path = pathlib.Path(folder, '.lock')
    self._instead = instead
    self._file = None

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.hold(False)

  def hold(self, held: bool = True) -> None:
    """Takes the lock, or releases it; does nothing if that is done.

    Args:
      held: Whether this process is to hold the lock.

    Raises:
      UserError: If another process holds it, or the folder is not writable.
    """
    if held and self._file is None:
      self._file = self._take()
    elif not held and self._file is not None:
      self._file.close()
      self._file = None

  def _take(self):
    folder = self._path.parent
    try:
      folder.mkdir(parents=True, exist_ok=True)
      self._path.touch()
      file = self._path.open('r+')
    except OSError as error:
      raise UserError(
        f'{folder} cannot be written ({error.strerror}); {self._instead}.'
      ) from None
    try:
      while not _lock(file, fcntl.LOCK_EX):
        # `is_locked` of another process shares its lock for a moment.
        if not _lock(file, fcntl.LOCK_SH):
          raise UserError(
            f'another process is training in {folder}; wait for its end, or '
            f'{self._instead}.'
          )
    except OSError as error:
      if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
        file.close()
        raise
    except UserError:
      file.close()
      raise
    return file


@contextlib.contextmanager
def lock_folder(folder, instead: str) -> Iterator[None]:
  """Holds the lock of a folder within a `with` block.

  Args:
    folder: The folder.
    instead: See `FolderLock`.

  Raises:
    UserError: If another process holds it, or the folder is not writable.
  """
  with FolderLock(folder, instead) as lock:
    lock.hold()
    yield


def is_locked(folder) -> bool:
  """Returns whether a process holds the lock of a folder."""
  try:
    with open(pathlib.Path(folder, '.lock')) as file:
      # A shared lock, so that two readers do not disturb each other.
      return not _lock(file, fcntl.LOCK_SH)
  except OSError:
    return False


def _lock(file, kind):
  """Returns whether the lock was taken, without waiting for it."""
  try:
    fcntl.flock(file, kind | fcntl.LOCK_NB)
    return True
  except BlockingIOError:
    return False
