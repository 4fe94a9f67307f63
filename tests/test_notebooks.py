"""The notebooks run, with tiny settings, and show what a real run has left."""

import os
import pathlib

import nbclient
import nbformat
import pytest

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / 'notebooks').glob('*.ipynb'))


def outputs(notebook):
  """The outputs of all cells."""
  return [
    output
    for cell in notebook.cells
    if cell.cell_type == 'code'
    for output in cell.outputs
  ]


def count_pictures(notebook):
  """How many pictures the cells have made."""
  return sum('image/png' in o.get('data', {}) for o in outputs(notebook))


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path, tmp_path):
  notebook = nbformat.read(path, as_version=4)
  stored = count_pictures(notebook)
  client = nbclient.NotebookClient(
    notebook, timeout=300, resources={'metadata': {'path': str(tmp_path)}}
  )
  client.execute(
    env={
      **os.environ,
      'TFP_CINC_TINY': '1',
      'IPYTHONDIR': str(tmp_path / 'ipython'),
      # Whatever this process draws with: what a notebook does by itself.
      'MPLBACKEND': 'module://matplotlib_inline.backend_inline',
      'PYTHONPATH': str(ROOT),
    }
  )
  assert count_pictures(notebook) == stored >= 2


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_outputs_are_of_one_run_and_small(path):
  notebook = nbformat.read(path, as_version=4)
  code = [cell for cell in notebook.cells if cell.cell_type == 'code']
  assert [c.execution_count for c in code] == [*range(1, len(code) + 1)]
  for output in outputs(notebook):
    assert output.output_type != 'error'
    assert output.get('name') != 'stderr'
  assert path.stat().st_size < 400_000


def test_there_are_six():
  assert len(NOTEBOOKS) == 6
