"""The flows that the page of this process offers."""

import threading
from collections.abc import Sequence

from .served import Served, open_served

__all__ = ['Offered', 'offer', 'offered']

_offered = None


class Offered:
  """Flows by their paths, each opened when it is first chosen.

  Args:
    paths: Folders of runs or of SavedModels, files of weights, or names of
      flows of the package.
  """

  def __init__(self, paths: Sequence[str]):
    self.paths = tuple(paths)
    self._served = {}
    self._lock = threading.Lock()

  def open(self, path: str) -> Served:
    """Returns the flow of a path.

    Args:
      path: One of `paths`.

    Raises:
      UserError: If there is no flow, or it is conditional on images.
    """
    with self._lock:
      if path not in self._served:
        self._served[path] = open_served(path)
      return self._served[path]


def offer(paths: Sequence[str]) -> Served:
  """Sets the flows that the page offers, and opens the first.

  Args:
    paths: See `Offered`.

  Returns:
    The first flow.

  Raises:
    UserError: See `Offered.open`.
  """
  global _offered
  found = Offered(paths)
  first = found.open(found.paths[0])
  _offered = found
  return first


def offered() -> Offered:
  """Returns the flows of the last call of `offer`."""
  return _offered
