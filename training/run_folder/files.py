"""Atomic writing of files."""

import json
import pathlib

__all__ = ['replace_file', 'write_json']


def write_json(path, value) -> None:
  """Writes a JSON file atomically; see `replace_file`."""
  text = json.dumps(value, indent=2, sort_keys=True) + '\n'
  replace_file(path, text.encode())


def replace_file(path, content: bytes) -> None:
  """Writes a file atomically, as `tfp_cinc.internal.files` does.

  Args:
    path: Path of the file. Its folder is made if it is missing.
    content: Content of the file.

  Raises:
    OSError: If the file cannot be written.
  """
  # Commands that only read, such as `status`, start without TensorFlow, which
  # this imports.
  from tfp_cinc.internal import files

  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  files.replace_file(path, content)
