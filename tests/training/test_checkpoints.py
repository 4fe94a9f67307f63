"""Checkpoints are whole or not there."""

import json
import os

import pytest
import tensorflow as tf

from training.checkpoints import Checkpoints
from training.errors import UserError


class Counted:
  """A variable and its checkpoints."""

  def __init__(self, folder, keep=3):
    self.value = tf.Variable(0.0)
    self.checkpoints = Checkpoints(folder, keep, value=self.value)

  def save(self, *steps):
    for step in steps:
      self.value.assign(step)
      self.checkpoints.save(step)
    return self


def restored(folder):
  """(step, value, what was said) of a fresh reader."""
  reader, said = Counted(folder), []
  step = reader.checkpoints.restore(said.append)
  return step, float(reader.value), said


def names(folder):
  return sorted(path.name for path in folder.iterdir())


def test_nothing_there(tmp_path):
  assert restored(tmp_path / 'none') == (None, 0.0, [])


def test_keeps_the_newest(tmp_path):
  Counted(tmp_path).save(1, 2, 10, 100)
  assert names(tmp_path) == [f'step_{step:09d}' for step in (2, 10, 100)]
  assert restored(tmp_path) == (100, 100.0, [])


def truncate(path):
  os.truncate(path, path.stat().st_size - 9)


def flip_a_bit(path):
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)


def foreign(path):
  path.write_text(json.dumps(['something', 'else']))


@pytest.mark.parametrize(
  ('name', 'damage', 'told'),
  [
    ('state.data-00000-of-00001', truncate, 'bytes of'),
    ('state.data-00000-of-00001', flip_a_bit, 'another checksum'),
    ('state.index', os.unlink, 'state.index is missing'),
    ('manifest.json', truncate, 'no readable manifest.json'),
    ('manifest.json', foreign, 'no readable manifest.json'),
    ('manifest.json', os.unlink, 'no readable manifest.json'),
  ],
)
def test_a_damaged_one_gives_way_to_the_one_before(
  tmp_path, name, damage, told
):
  Counted(tmp_path).save(1, 2)
  damage(tmp_path / 'step_000000002' / name)
  step, value, said = restored(tmp_path)
  assert (step, value) == (1, 1.0)
  assert len(said) == 1
  assert told in said[0]
  assert 'step_000000002' in said[0]
  # The step is trained again and its checkpoint written anew.
  Counted(tmp_path).save(2)
  assert restored(tmp_path) == (2, 2.0, [])


def test_a_damaged_newest_one_does_not_crowd_out_new_ones(tmp_path):
  Counted(tmp_path, keep=1).save(600)
  truncate(tmp_path / 'step_000000600' / 'state.index')
  Counted(tmp_path, keep=1).save(200)
  Counted(tmp_path, keep=1).save(400)
  step, value, said = restored(tmp_path)
  assert (step, value) == (400, 400.0)
  assert len(said) == 1
  assert names(tmp_path) == ['step_000000400', 'step_000000600']


def test_of_another_program(tmp_path):
  other = Checkpoints(tmp_path, 3, another=tf.Variable([1.0]))
  other.save(1)
  with pytest.raises(UserError, match='is of another flow'):
    restored(tmp_path)


def test_none_whole_is_an_error_and_deletes_nothing(tmp_path):
  Counted(tmp_path).save(1, 2)
  for step in (1, 2):
    truncate(tmp_path / f'step_00000000{step}' / 'state.index')
  with pytest.raises(UserError, match='none of the 2 checkpoints'):
    restored(tmp_path)
  assert len(names(tmp_path)) == 2


def test_remains_of_a_killed_writer_are_ignored_and_removed(tmp_path):
  Counted(tmp_path).save(1)
  (tmp_path / '.tmp_step_000000002').mkdir()
  (tmp_path / '.tmp_step_000000002' / 'state.index').write_text('half')
  assert restored(tmp_path) == (1, 1.0, [])
  Counted(tmp_path).save(2)
  assert names(tmp_path) == ['step_000000001', 'step_000000002']
