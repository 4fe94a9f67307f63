"""Tests that the imports of the training package go one way."""

import ast
import pathlib

import pytest

from tests.programs.processes import ROOT

# Rooms and modules of `training`, each of which may import those in the rows
# above it. Those in one row do not import each other.
LEVELS = (
  ('errors', 'interrupt', 'progress', 'quiet'),
  ('configs',),
  ('data', 'run_folder'),
  ('validation',),
  ('loop', 'horovod_build'),
  ('trained',),
  ('page',),
  ('commands',),
  ('__main__', '__init__'),
)
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
PROJECT = ('training', 'tests', 'benchmarks', 'docs', 'tfp_cinc_training')


def imported_modules(path, package):
  """Yields the absolute names of all modules that a file imports.

  Args:
    path: The file.
    package: Folder of the top-level package.
  """
  parents = [package.name, *path.relative_to(package).parent.parts]
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      start = parents[: len(parents) + 1 - node.level] if node.level else []
      module = '.'.join([*start, *filter(None, [node.module])])
      # `from . import a` imports the module a.
      yield from (f'{module}.{alias.name}' for alias in node.names)


def room(name):
  """Returns the room of a module 'training.room.module'."""
  parts = name.split('.')
  return parts[1] if len(parts) > 1 and parts[1] in LEVEL else '__init__'


def wrong_imports(package):
  """Returns the imports of a package named 'training' that go the wrong way."""
  found = []
  for path in sorted(package.rglob('*.py')):
    relative = path.relative_to(package)
    own = relative.parts[0].removesuffix('.py')
    for name in imported_modules(path, package):
      if name.split('.')[0] != 'training':
        continue
      other = room(name)
      if other != own and LEVEL[other] >= LEVEL[own]:
        found.append(f'{relative} imports {name}')
  return found


def test_every_room_has_its_level():
  names = {
    path.stem
    for path in (ROOT / 'training').iterdir()
    if path.suffix == '.py' or (path / '__init__.py').exists()
  }
  assert names == LEVEL.keys()


def test_imports_of_training_go_one_way():
  assert wrong_imports(ROOT / 'training') == []


def test_imports_within_training_are_relative():
  """The wheel ships the package under another name."""
  absolute = [
    f'{path} imports {node.module}'
    for path in sorted((ROOT / 'training').rglob('*.py'))
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.ImportFrom) and not node.level
    if node.module.split('.')[0] in ('training', 'tfp_cinc_training')
  ]
  assert absolute == []


@pytest.mark.parametrize('name', ['tfp_cinc', 'training'])
def test_library_imports_nothing_of_the_project_above_it(name):
  above = [x for x in PROJECT if x != name]
  found = [
    f'{path} imports {module}'
    for path in sorted((ROOT / name).rglob('*.py'))
    for module in imported_modules(path, ROOT / name)
    if module.split('.')[0] in above
  ]
  assert found == []


@pytest.mark.parametrize(
  ('file', 'line', 'name'),
  [
    ('loop/x.py', 'from ..commands import main', 'commands.main'),
    ('data/readers/x.py', 'from ...run_folder.files import a', 'run_folder.'),
    ('run_folder/x.py', 'from ..data import facts', 'data.facts'),
    ('configs/x.py', 'import training.data.load', 'data.load'),
    ('errors.py', 'from . import progress', 'progress'),
    ('validation.py', 'def f():\n  from .loop import run', 'loop.run'),
    ('trained/x.py', 'from .. import open_flow', 'open_flow'),
  ],
)
def test_wrong_import_is_found(tmp_path, file, line, name):
  path = pathlib.Path(tmp_path, 'training', file)
  path.parent.mkdir(parents=True)
  path.write_text(f'{line}\nimport json\nfrom tfp_cinc import math\n')
  [found] = wrong_imports(tmp_path / 'training')
  assert found.startswith(f'{file} imports training.{name}')
