"""The flows among which a visitor of the page chooses."""

import threading
from collections.abc import Sequence

from .served import Served, open_served

__all__ = ['FlowMenu', 'get_menu', 'open_menu']

# The script of the page, which Streamlit runs again at each change, reads it.
_menu = None


class FlowMenu:
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


def open_menu(paths: Sequence[str]) -> Served:
  """Sets the flows of the page of this process, and opens the first.

  Args:
    paths: See `FlowMenu`.

  Returns:
    The first flow.

  Raises:
    UserError: See `FlowMenu.open`.
  """
  global _menu
  menu = FlowMenu(paths)
  first = menu.open(menu.paths[0])
  _menu = menu
  return first


def get_menu() -> FlowMenu:
  """Returns the menu that `open_menu` has set."""
  assert _menu is not None, 'open_menu comes first'
  return _menu
