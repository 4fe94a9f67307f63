"""Files in a folder and their names."""

import os
import stat

from ..errors import UserError

__all__ = ['files_below', 'printable']


def files_below(folder: str) -> list[str]:
  """Returns the paths of all files in a folder and its sub-folders.

  Links to other folders are followed after everything else was listed. Each
  folder is listed once, under its first path, so that no file has two paths
  through links to folders. Pipes, devices and sockets are left out.

  Args:
    folder: The folder.

  Returns:
    Sorted paths relative to the folder, without hidden files and folders.

  Raises:
    UserError: If a folder cannot be listed.
  """
  found, listed, starts = [], set(), [folder]
  while starts:
    links = []
    for start in starts:
      for here, folders, names in os.walk(start, onerror=_refuse):
        status = os.stat(here)
        if (status.st_dev, status.st_ino) in listed:
          folders.clear()
          continue
        listed.add((status.st_dev, status.st_ino))
        folders[:] = sorted(x for x in folders if not x.startswith('.'))
        paths = [os.path.join(here, name) for name in folders]
        links += [path for path in paths if os.path.islink(path)]
        paths = [os.path.join(here, x) for x in names if not x.startswith('.')]
        found += [path for path in paths if _can_be_read(path)]
    starts = links
  return sorted(os.path.relpath(path, folder) for path in found)


def printable(path: str) -> str:
  """Returns a path with '?' for bytes that are not valid text."""
  return os.fsencode(path).decode(errors='replace').replace('\ufffd', '?')


def _can_be_read(path):
  """Returns False for what would block or never end."""
  try:
    return stat.S_ISREG(os.stat(path).st_mode)
  except OSError:
    return True  # a link to nothing, for example; whoever reads it reports it


def _refuse(error):
  raise UserError(
    f'the folder {printable(error.filename)} cannot be read '
    f'({error.strerror}); make it readable, or move it away.'
  )
