"""Manifests: checksums of the files in a folder, to detect damage."""

import hashlib
import json
import os
import pathlib

__all__ = ['fault', 'read', 'seal', 'sync']

_NAME = 'manifest.json'
_BLOCK = 2**20  # bytes that are read at once


def seal(folder, **facts) -> None:
  """Writes the manifest of a folder and syncs all its files to disk.

  Args:
    folder: The folder. The manifest lists the files that are in it now.
    **facts: Further content of the manifest, as JSON values.

  Raises:
    OSError: If the disk is full or writing fails.
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
  """Reads the manifest of a folder, but not the files that it lists.

  Args:
    folder: The folder.

  Returns:
    A dict of the facts, and of `files` as {name: (size in bytes, SHA-256)};
    None if the manifest is missing or damaged.
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
  # The first version of manifests had no checksum of itself, and no fact except
  # the step.
  is_first = expected is None and content.keys() == {'step', 'files'}
  return {'files': files} if is_first else None


def fault(folder) -> str | None:
  """Checks all files of a folder against its manifest.

  Args:
    folder: The folder.

  Returns:
    A short description of the damage; None if all files are intact.
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
        return f'{name} has {path.stat().st_size} bytes instead of {size}'
      if _sha256(path) != expected:
        return f'the checksum of {name} does not match'
    except OSError as error:
      return f'{name} cannot be read: {error.strerror}'
  return None


def sync(path) -> None:
  """Syncs a file, or the entries of a folder, to disk."""
  handle = os.open(path, os.O_RDONLY)
  try:
    os.fsync(handle)
  finally:
    os.close(handle)


def _sha256(path):
  digest = hashlib.sha256()
  with open(path, 'rb') as file:
    while block := file.read(_BLOCK):
      digest.update(block)
  return digest.hexdigest()


def _sum(content):
  """Returns the checksum of a manifest that has none yet."""
  text = json.dumps(content, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()
