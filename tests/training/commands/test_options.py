"""Tests of the values that options of commands take."""

import click
import pytest

from training.commands.options import check_output, listing, strengths
from training.errors import UserError


@pytest.mark.parametrize(
  ('text', 'expected'),
  [
    ('-2:2:5', [-2, -1, 0, 1, 2]),
    ('0:1:2', [0, 1]),
    ('-1,0,0.5', [-1, 0, 0.5]),
    ('3', [3]),
    # Rounding must not give 1e-17 in place of 0.
    ('-0.3:0.3:7', [-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3]),
  ],
)
def test_strengths(text, expected):
  found = strengths.convert(text, None, None)
  assert found == pytest.approx(expected, abs=1e-12)
  assert [x for x in found if x and abs(x) < 1e-9] == []


@pytest.mark.parametrize(
  'text', ['1:2', 'a', '', '1,', 'nan', '1,inf', '0:1:1', '0:1:1001', '0:1:a']
)
def test_wrong_strengths_are_refused(text):
  with pytest.raises(click.BadParameter, match='is neither a list of numbers'):
    strengths.convert(text, None, None)


def test_output_makes_at_most_one_folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for path in (None, 'a.png', 'new/a.png', tmp_path / 'new' / 'a.png'):
    check_output(path)
  for path in ('new', tmp_path / 'new', '.'):
    check_output(path, is_folder=True)
  with pytest.raises(UserError, match='png: the folder a does not exist'):
    check_output('a/b/c.png')
  with pytest.raises(UserError, match='the folder a does not exist'):
    check_output('a/b', is_folder=True)


def test_listing():
  kind = listing(click.INT)
  assert kind.convert('1, 2,3', None, None) == [1, 2, 3]
  assert kind.convert([1, 2], None, None) == [1, 2]
  with pytest.raises(click.BadParameter, match="'x' is not a valid integer"):
    kind.convert('1,x', None, None)
