"""Tests of `tfp-cinc inspect`, which reports on checkpoints."""

import json
import os

import pytest
import tensorflow as tf

from tests.programs.counted import Counted, flip_a_bit, names, truncate
from tests.training.run_folder.test_snapshots import model
from training.commands import main
from training.configs.base import get_base_config
from training.run_folder import manifest
from training.run_folder.checkpoints import Checkpoints
from training.run_folder.config_file import write_config


@pytest.fixture
def inspect(capsys):
  """Runs the command; returns its lines, and its error or None."""

  def run(folder):
    error = None
    try:
      main(['inspect', str(folder)])
    except SystemExit:
      error = True
    out, message = capsys.readouterr()
    return out.splitlines(), message.strip() if error else None

  return run


def row(lines, step):
  """Returns the line about a checkpoint."""
  [line] = [line for line in lines if line.split()[:1] == [str(step)]]
  return line


def test_no_run(inspect, tmp_path):
  lines, error = inspect(tmp_path / 'none')
  assert lines == []
  assert 'holds no run' in error


def test_no_checkpoint_yet(inspect, tmp_path):
  write_config(get_base_config(), tmp_path, {})
  lines, error = inspect(tmp_path)
  assert error == f'error: {tmp_path} holds no checkpoint yet.'
  assert lines[0] == 'Run: cinc on photos'
  assert 'tensorflow 2.' in lines[1]
  commit = json.loads((tmp_path / 'config.json').read_text())['git_commit']
  assert lines[2] == f'Git commit: {commit or "unknown"}'


def test_damaged_config_hides_no_checkpoint(inspect, tmp_path):
  Counted(tmp_path / 'checkpoints').save(1)
  for content in ('{', '[]', '{"config": {"flow": 3}}'):
    (tmp_path / 'config.json').write_text(content)
    lines, error = inspect(tmp_path)
    assert error is None
    assert 'config.json is missing or damaged.' in lines[0]
    assert row(lines, 1).endswith('intact')


def test_damage_of_each_checkpoint(inspect, tmp_path):
  folder = tmp_path / 'checkpoints'
  Counted(folder, keep=5).save(
    1, 2, 3, 4, 5, metrics=[3.5, 3.25, None, 3.1, None]
  )
  truncate(folder / 'step_000000003' / 'state.index')
  flip_a_bit(folder / 'step_000000004' / 'state.data-00000-of-00001')
  os.unlink(folder / 'step_000000005' / 'manifest.json')
  (folder / '.tmp_step_000000006').mkdir()
  before = {path: path.stat().st_mtime for path in tmp_path.rglob('*')}
  lines, error = inspect(tmp_path)
  assert error is None
  assert {path: path.stat().st_mtime for path in tmp_path.rglob('*')} == before
  assert row(lines, 1).split()[-2:] == ['3.5000', 'intact']
  # The checkpoint with the lowest bits/dim is damaged.
  assert row(lines, 2).split()[-3:] == ['3.2500', 'intact,', 'best']
  assert 'damaged: state.index has' in row(lines, 3)
  assert 'the checksum of state.data' in row(lines, 4)
  assert 'damaged: no readable manifest.json' in row(lines, 5)
  first_words = [line.split()[0] for line in lines if line]
  assert [int(x) for x in first_words if x.isdigit()] == [5, 4, 3, 2, 1]
  assert 'Step 2 holds:' in lines


def test_only_damaged_checkpoints(inspect, tmp_path):
  folder = tmp_path / 'checkpoints'
  Counted(folder).save(1, 2)
  for name in names(folder):
    truncate(folder / name / 'state.index')
  lines, error = inspect(tmp_path)
  assert 'none of the 2 checkpoints' in error
  assert 'damaged' in row(lines, 1)
  assert 'damaged' in row(lines, 2)


def test_contents_of_the_newest_checkpoint(inspect, tmp_path):
  checkpoints = Checkpoints(
    tmp_path / 'checkpoints',
    3,
    **model(),
    examples=tf.Variable(640, dtype=tf.int64),
    average=[tf.Variable(tf.zeros([1000, 500]))],
  )
  checkpoints.save(1)
  checkpoints.wait()
  lines, error = inspect(tmp_path)
  assert error is None
  held = dict(line.split(maxsplit=1) for line in lines if line[:2] == '  ')
  # 4 * 3 + 3 + 3 * 2 + 2 = 23 weights of 4 bytes with two slots each, and five
  # scalars of the optimizer, one of them of 8 bytes.
  assert held['layers'] == '4 variables, 92 B'
  assert held['optimizer'].startswith('13 variables, 20')
  assert held['average'] == '1 variable, 2 MB'
  assert held['examples'] == '640'


def test_intact_files_of_another_program(inspect, tmp_path):
  folder = tmp_path / 'checkpoints' / 'step_000000001'
  folder.mkdir(parents=True)
  (folder / 'state.index').write_text('weights')
  manifest.seal(folder, step=1, metric=None, written=0.0)
  lines, error = inspect(tmp_path)
  assert error is None
  assert 'TensorFlow cannot read it' in lines[-1]


@pytest.mark.parametrize('metric', [None, 3.0])
def test_run_that_writes_is_inspected(inspect, tmp_path, metric):
  """A checkpoint that is removed meanwhile is not reported as damaged."""
  counted = Counted(tmp_path / 'checkpoints', keep=1).save(1, metrics=[metric])
  for step in range(2, 40):
    counted.value.assign(step)
    counted.checkpoints.save(step)
    lines, error = inspect(tmp_path)
    assert error is None
    assert not [line for line in lines if 'damaged:' in line]
  counted.checkpoints.wait()
