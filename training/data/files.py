"""Files in a folder and their names."""

import os

__all__ = ['files_below', 'printable']


def files_below(folder: str) -> list[str]:
  """Returns the paths of all files in a folder and its sub-folders.

  Args:
    folder: The folder. Links to other folders are followed.

  Returns:
    Sorted paths relative to the folder, without hidden files and folders.
  """
  found = []
  for place, folders, names in os.walk(folder, followlinks=True):
    folders[:] = [name for name in folders if not name.startswith('.')]
    found += [
      os.path.relpath(os.path.join(place, name), folder)
      for name in names
      if not name.startswith('.')
    ]
  return sorted(found)


def printable(path: str) -> str:
  """Returns a path with '?' for bytes that are not valid text."""
  return os.fsencode(path).decode(errors='replace').replace('\ufffd', '?')
