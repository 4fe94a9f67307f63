"""Tests that docs/configuration.md follows the table of all values."""

import runpy

import pytest

from tests.programs.processes import ROOT


@pytest.fixture(scope='module')
def page():
  """What docs/write_configuration_page.py writes."""
  script = runpy.run_path(str(ROOT / 'docs' / 'write_configuration_page.py'))
  return script['page']()


def test_page_is_what_its_script_writes(page):
  assert (ROOT / 'docs' / 'configuration.md').read_text() == page, (
    'run `python docs/write_configuration_page.py`'
  )


def test_page_says_which_configuration_train_starts_from(page):
  words = ' '.join(page.split())
  assert '`tfp-cinc train` starts from `cinc_photos`' in words
  assert "`train.optimizer='muon'`, `train.learning_rate=0.008`" in words
