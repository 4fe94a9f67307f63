"""The Python and the commands of README.md and of docs/ work."""

import pathlib
import re
import shlex

import numpy as np
import pytest

from tests.training import tiny
from training.__main__ import check_overrides
from training.command_line import Parser
from training.commands import COMMANDS
from training.train import train

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]


def blocks(page, language):
  """The code blocks of a language, '' for those that name none."""
  found = re.findall(
    r'^```(\w*)\n(.*?)^```$', page.read_text(), re.DOTALL | re.MULTILINE
  )
  return [code for name, code in found if name == language]


def commands(page):
  """The words of each `python -m training`, which may follow another one."""
  for block in blocks(page, ''):
    for line in block.replace('\\\n', ' ').splitlines():
      words = shlex.split(line, comments=True)
      for start in range(len(words) - 3):
        if words[start : start + 3] == ['python', '-m', 'training']:
          yield words[start + 3 :]


WITH_PYTHON = [page for page in PAGES if blocks(page, 'python')]
COMMAND_LINES = [
  pytest.param(words, id=f'{page.stem}: {shlex.join(words)[:60]}')
  for page in PAGES
  for words in commands(page)
]


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
  """A folder `runs` with the run that the pages use, in small."""
  config = tiny.get_config()
  config.data.image_size = 16  # as cinc_digits has it
  config.train.num_steps = 2
  config.train.deterministic = False  # for the other tests of this process
  folder = tmp_path_factory.mktemp('pages') / 'runs'
  train(config, str(folder / 'cinc_digits'))
  return folder


@pytest.mark.parametrize('page', WITH_PYTHON, ids=lambda page: page.stem)
def test_python_runs(page, tmp_path, monkeypatch, request):
  """Block after block, in a folder with nothing but the runs it names."""
  text = '\n'.join(blocks(page, 'python'))
  if 'runs/' in text:
    (tmp_path / 'runs').symlink_to(request.getfixturevalue('runs'))
  monkeypatch.chdir(tmp_path)
  names = {}
  for block in blocks(page, 'python'):
    exec(compile(block, page.name, 'exec'), names)
  if 'same' in names:  # decode(encode(images))
    np.testing.assert_array_equal(names['same'], names['images'])


def test_the_pages_have_python():
  found = {page.stem for page in WITH_PYTHON}
  assert found >= {
    'README',
    'extending',
    'first_bijector',
    'first_flow',
    'using',
  }


@pytest.mark.parametrize('words', COMMAND_LINES)
def test_commands_are_called_right(words, monkeypatch):
  monkeypatch.chdir(ROOT)
  name, *rest = words
  if name == 'train':
    check_overrides(words)
    config = rest[rest.index('--config') + 1]
    assert (ROOT / config).exists()
  else:
    Parser(name, COMMANDS[name]).parse(rest)


def test_all_commands_are_told_of():
  told = {words.values[0][0] for words in COMMAND_LINES}
  assert told == set(COMMANDS)
