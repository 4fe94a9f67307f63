"""Tests that the tables in the documentation follow the configurations."""

import runpy

import pytest

from tests.programs.processes import ROOT
from training.configs.loading import config_names

SMALL = config_names('')
PAPERS = config_names('papers')


@pytest.fixture(scope='module')
def script():
  """The functions of docs/write_model_table.py."""
  return runpy.run_path(str(ROOT / 'docs' / 'write_model_table.py'))


def test_readme_has_the_table_of_the_small_configurations(script):
  table = script['table']()
  assert len(SMALL) >= 13
  assert all(f'`{name}`' in table for name in SMALL)
  readme = (ROOT / 'README.md').read_text()
  assert table in readme, 'run `python docs/write_model_table.py`'


def test_docs_have_the_table_of_the_papers_experiments(script):
  table = script['paper_table']()
  assert len(PAPERS) >= 37
  assert table.count('\n') == len(PAPERS) + 2
  assert all(f'| `{name}` |' in table for name in PAPERS)
  # The published number with its zeros.
  assert ' | 3 | 48 | 4.0140 | CInC Flow poster, ' in table
  page = (ROOT / 'docs' / 'configs.md').read_text()
  assert table in page, 'run `python docs/write_model_table.py`'


def test_guide_lists_the_words_of_flows(script):
  page = (ROOT / 'docs' / 'first_flow.md').read_text()
  assert script['word_table']() in page, (
    'run `python docs/write_model_table.py`'
  )
