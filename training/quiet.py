"""Imports TensorFlow without the messages of its libraries."""

import importlib.abc
import importlib.util
import os
import re
import sys
import tempfile

__all__ = ['import_tensorflow_quietly']

# TensorFlow writes these at each import, at any log level: 2.18 registers the
# factories of cuDNN and cuBLAS twice, 2.21 tells of oneDNN and of missing GPUs.
_EXPECTED = re.compile(
  rb'WARNING: All log messages before absl::InitializeLog\(\) is called.*'
  rb'|[EWI]\d{4} .*Unable to register cu\w+ factory.*'
  rb'|I\d{4} .*(oneDNN custom operations are on|Could not find cuda drivers).*'
)


def import_tensorflow_quietly() -> None:
  """Hides messages of the coming import of TensorFlow that mean nothing.

  TensorFlow itself is not imported.
  """
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')  # only fatal errors
  is_waiting = any(isinstance(finder, _Finder) for finder in sys.meta_path)
  if 'tensorflow' not in sys.modules and not is_waiting:
    sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
  """Finds TensorFlow once, with a loader that filters standard error."""

  def find_spec(self, name, path, target=None):
    if name != 'tensorflow':
      return None
    sys.meta_path.remove(self)
    spec = importlib.util.find_spec(name)
    if spec is not None:
      spec.loader = _Loader(spec.loader)
    return spec


class _Loader(importlib.abc.Loader):
  """Loads a module as another loader does, and filters standard error."""

  def __init__(self, loader):
    self._loader = loader

  def create_module(self, spec):
    return self._loader.create_module(spec)

  def exec_module(self, module):
    module.__spec__.loader = module.__loader__ = self._loader
    sys.stderr.flush()
    with tempfile.TemporaryFile() as captured:
      kept = os.dup(2)
      os.dup2(captured.fileno(), 2)
      try:
        self._loader.exec_module(module)
      finally:
        os.dup2(kept, 2)
        os.close(kept)
        captured.seek(0)
        for line in captured:
          if not _EXPECTED.fullmatch(line.rstrip()):
            os.write(2, line)
