"""A folder of files with their sums, so that damage to any of them is told."""

import hashlib
import json
import os
import pathlib

__all__ = ['fault', 'read', 'seal', 'sync']

_NAME = 'manifest.json'


def seal(folder, **facts) -> None:
  """Writes the manifest of a folder and waits until the disk has it all.

  Args:
    folder: the folder; the manifest lists the files that are in it now.
    **facts: what else the manifest says, as JSON has it.

  Raises:
    OSError: if the disk does not take it.
  """
  folder = pathlib.Path(folder)
  content = {
    **facts,
    'files': {
      path.name: {'size': path.stat().st_size, 'sha256': _sha256(path)}
      for path in sorted(folder.iterdir())
    },
  }
  content['sha256'] = _sum(content)
  (folder / _NAME).write_text(json.dumps(content, indent=2) + '\n')
  for path in [*folder.iterdir(), folder]:
    sync(path)


def read(folder) -> dict | None:
  """What the manifest of a folder says.

  Args:
    folder: the folder.

  Returns:
    The facts and `files` as {name: (size in bytes, SHA-256)}, or None where
    there is no manifest or it is damaged. The files are not looked at.
  """
  try:
    content = json.loads((pathlib.Path(folder) / _NAME).read_text())
    expected = content.pop('sha256', None)
    files = {
      name: (int(file['size']), str(file['sha256']))
      for name, file in content['files'].items()
    }
  except (OSError, ValueError, KeyError, TypeError, AttributeError):
    return None
  if expected == _sum(content):
    return {**content, 'files': files}
  # The first manifests had neither a sum of themselves nor facts but the step.
  is_first = expected is None and content.keys() == {'step', 'files'}
  return {'files': files} if is_first else None


def fault(folder) -> str | None:
  """What is wrong with a folder that was sealed.

  Args:
    folder: the folder.

  Returns:
    A few words, or None where every file is as it was when it was sealed.
  """
  content = read(folder)
  if content is None:
    return f'no readable {_NAME}'
  for name, (size, expected) in content['files'].items():
    path = pathlib.Path(folder, name)
    try:
      if not path.is_file():
        return f'{name} is missing'
      if path.stat().st_size != size:
        return f'{name} has {path.stat().st_size} bytes of {size}'
      if _sha256(path) != expected:
        return f'{name} has another checksum than when it was written'
    except OSError as error:
      return f'{name} cannot be read: {error.strerror}'
  return None


def sync(path) -> None:
  """Waits until the disk has a file, or the names in a folder."""
  handle = os.open(path, os.O_RDONLY)
  try:
    os.fsync(handle)
  finally:
    os.close(handle)


def _sha256(path):
  with open(path, 'rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()


def _sum(content):
  """The sum of a manifest without its own."""
  text = json.dumps(content, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()
