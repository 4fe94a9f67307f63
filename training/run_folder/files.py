"""Atomic writing of files."""

import json
import os
import pathlib
import tempfile

__all__ = ['replace_file', 'write_json']


def write_json(path, value) -> None:
  """Writes a JSON file atomically; see `replace_file`."""
  text = json.dumps(value, indent=2, sort_keys=True) + '\n'
  replace_file(path, text.encode())


def replace_file(path, content: bytes) -> None:
  """Writes a file under a temporary name, then renames it.

  Readers see the old or the new content, never a part of it.

  Args:
    path: Path of the file. Its folder is made if it is missing.
    content: Content of the file.

  Raises:
    OSError: If the file cannot be written.
  """
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}-')
  try:
    with os.fdopen(handle, 'wb') as file:
      file.write(content)
      file.flush()
      os.fsync(file.fileno())
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)
  except BaseException:
    os.unlink(temporary)
    raise
