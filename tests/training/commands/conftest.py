"""Calls of commands, and what they are called with."""

import pathlib

import pytest

from tests.training import tiny
from tests.training.png import write_png
from training.commands import main
from training.data.load import load_dataset


@pytest.fixture(params=['run', 'model'])
def path(request, used):
  """The folder of a run, and then that of a SavedModel."""
  return used[request.param == 'model']


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
  """Runs a command in an empty folder; returns (exit code, output, error)."""
  folder = tmp_path / 'here'
  folder.mkdir()
  monkeypatch.chdir(folder)

  def run(*arguments):
    code = 0
    try:
      main([*map(str, arguments)])
    except SystemExit as end:
      code = end.code
    return (code, *capsys.readouterr())

  return run


@pytest.fixture
def refused(call):
  """Checks that a command prints one sentence and writes nothing."""

  def check(*arguments, words=()):
    code, out, error = call(*arguments)
    assert code == 2
    assert out == ''
    assert error.startswith('error: ')
    assert error.count('\n') == 1
    for word in words:
      assert word in error
    assert not list(pathlib.Path().iterdir())

  return check


@pytest.fixture
def digits(tmp_path):
  """A folder of three digits as PNG files."""
  images = load_dataset(tiny.get_config().data).test_images[:3]
  folder = tmp_path / 'digits'
  for name, image in zip('abc', images, strict=True):
    write_png(folder / f'{name}.png', image)
  return folder
