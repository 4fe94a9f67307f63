"""The Python and the commands of README.md and of docs/ work."""

import copy
import pathlib
import re
import shlex

import numpy as np
import pytest

from tests.training import tiny
from training.commands import COMMANDS, get_command
from training.configs.loading import load_config, override
from training.loop.train import train

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]


def blocks(page, language):
  """The code blocks of a language, '' for those that name none."""
  found = re.findall(
    r'^```(\w*)\n(.*?)^```$', page.read_text(), re.DOTALL | re.MULTILINE
  )
  return [code for name, code in found if name == language]


def commands(page):
  """The words after each `tfp-cinc`, which may follow another command."""
  for block in blocks(page, ''):
    for line in block.replace('\\\n', ' ').splitlines():
      words = shlex.split(line.rstrip(' &'), comments=True)
      if 'tfp-cinc' in words:
        yield words[words.index('tfp-cinc') + 1 :]


WITH_PYTHON = [page for page in PAGES if blocks(page, 'python')]
SLOW = {'first_flow', 'results', 'serving', 'using'}  # they train or sample
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


@pytest.mark.parametrize(
  'page',
  [
    pytest.param(
      page, id=page.stem, marks=pytest.mark.slow if page.stem in SLOW else ()
    )
    for page in WITH_PYTHON
  ],
)
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
def test_commands_are_called_right(words):
  """Their options are parsed; nothing is run."""
  name, *rest = words
  command = copy.copy(get_command(name))
  command.params = [copy.copy(parameter) for parameter in command.params]
  for parameter in command.params:
    parameter.callback = None  # the folders of the pages do not exist here
  context = command.make_context(name, rest)
  if name == 'train':
    config = load_config(context.params['name'])
    override(config, command.overrides(context))


def test_all_commands_are_documented():
  documented = {words.values[0][0] for words in COMMAND_LINES}
  assert documented == set(COMMANDS)
