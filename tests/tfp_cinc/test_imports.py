"""Imports go one way: what is below knows nothing of what is above."""

import ast
import pathlib

import tfp_cinc

PACKAGE = pathlib.Path(tfp_cinc.__file__).parent
# From the bottom up; those of one line do not know each other.
LAYERS = [
  {'internal', 'version'},
  {'math', 'denoising', 'dequantization'},
  {'networks', 'matrices'},
  {'bijectors', 'variational_dequantization'},
  {'tree', 'models', 'plotting'},
  {'conditioning', 'freezing', 'memory', 'precision'},
  {'guidance', 'initialization'},
  {'latents'},
  {'saved_model'},
  {'flow_model'},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imports(path):
  """The parts of the package that a file imports."""
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.ImportFrom) and node.module:
      words = node.module.split('.')
      if words == ['tfp_cinc']:
        yield from (alias.name for alias in node.names)
      elif words[0] == 'tfp_cinc':
        yield words[1]


def test_every_part_has_its_place():
  parts = {
    path.stem
    for path in PACKAGE.iterdir()
    if path.name[0] not in '_.' and path.suffix in ('', '.py')
  }
  assert parts == set(RANK)


def test_imports_go_down():
  wrong = []
  for path in PACKAGE.rglob('*.py'):
    own = path.relative_to(PACKAGE).parts[0].removesuffix('.py')
    if own == '__init__':
      continue
    for other in imports(path):
      if other != own and RANK[other] >= RANK[own]:
        wrong.append(f'{path.relative_to(PACKAGE)} imports {other}')
  assert not wrong
