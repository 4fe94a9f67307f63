"""`inspect` tells what is whole and what it holds, and changes nothing."""

import json
import os

import pytest
import tensorflow as tf

from tests.training.counted import Counted, flip_a_bit, names, truncate
from tests.training.test_snapshots import model
from training import manifest, workdir
from training.checkpoints import Checkpoints
from training.configs.base import get_base_config
from training.errors import UserError
from training.inspect_run import inspect


def told(folder):
  """The lines, and the sentence of the error or None."""
  lines = []
  try:
    inspect(str(folder), lines.append)
  except UserError as error:
    return lines, str(error)
  return lines, None


def row(lines, step):
  """The line about a checkpoint."""
  [line] = [line for line in lines if line.split()[:1] == [str(step)]]
  return line


def test_no_run(tmp_path):
  lines, error = told(tmp_path / 'none')
  assert lines == []
  assert 'holds no run' in error


def test_no_checkpoint_yet(tmp_path):
  workdir.write_config(get_base_config(), str(tmp_path))
  lines, error = told(tmp_path)
  assert error == f'{tmp_path} holds no checkpoint yet.'
  assert lines[0] == 'Run: cinc on photos'
  assert f'tensorflow {tf.__version__}' in lines[1]
  commit = json.loads((tmp_path / 'config.json').read_text())['git_commit']
  assert lines[2] == f'Git commit: {commit or "not known"}'


def test_a_config_that_is_damaged_hides_no_checkpoint(tmp_path):
  Counted(tmp_path / 'checkpoints').save(1)
  for content in ('{', '[]', '{"config": {"flow": 3}}'):
    (tmp_path / 'config.json').write_text(content)
    lines, error = told(tmp_path)
    assert error is None
    assert 'is missing or is not the configuration of a run' in lines[0]
    assert row(lines, 1).endswith('whole')


def test_each_checkpoint_and_its_damage(tmp_path):
  folder = tmp_path / 'checkpoints'
  Counted(folder, keep=5).save(
    1, 2, 3, 4, 5, metrics=[3.5, 3.25, None, 3.1, None]
  )
  truncate(folder / 'step_000000003' / 'state.index')
  flip_a_bit(folder / 'step_000000004' / 'state.data-00000-of-00001')
  os.unlink(folder / 'step_000000005' / 'manifest.json')
  (folder / '.tmp_step_000000006').mkdir()
  before = {path: path.stat().st_mtime for path in tmp_path.rglob('*')}
  lines, error = told(tmp_path)
  assert error is None
  assert {path: path.stat().st_mtime for path in tmp_path.rglob('*')} == before
  assert row(lines, 1).split()[-2:] == ['3.5000', 'whole']
  # The lowest of all is damaged.
  assert row(lines, 2).split()[-3:] == ['3.2500', 'whole,', 'best']
  assert 'not whole: state.index has' in row(lines, 3)
  assert 'has another checksum' in row(lines, 4)
  assert 'not whole: no readable manifest.json' in row(lines, 5)
  first_words = [line.split()[0] for line in lines if line]
  assert [int(x) for x in first_words if x.isdigit()] == [5, 4, 3, 2, 1]
  assert 'Step 2 holds:' in lines


def test_none_whole(tmp_path):
  folder = tmp_path / 'checkpoints'
  Counted(folder).save(1, 2)
  for name in names(folder):
    truncate(folder / name / 'state.index')
  lines, error = told(tmp_path)
  assert 'none of the 2 checkpoints' in error
  assert 'not whole' in row(lines, 1)
  assert 'not whole' in row(lines, 2)


def test_what_it_holds(tmp_path):
  checkpoints = Checkpoints(
    tmp_path / 'checkpoints',
    3,
    **model(),
    examples=tf.Variable(640, dtype=tf.int64),
    average=[tf.Variable(tf.zeros([1000, 500]))],
  )
  checkpoints.save(1)
  checkpoints.wait()
  lines, error = told(tmp_path)
  assert error is None
  held = dict(line.split(maxsplit=1) for line in lines if line[:2] == '  ')
  # 4 * 3 + 3 + 3 * 2 + 2 = 23 weights of 4 bytes, two slots of each, and five
  # numbers of the optimizer, one of them of 8 bytes.
  assert held['layers'] == '4 variables, 92 B'
  assert held['optimizer'].startswith('13 variables, 20')
  assert held['average'] == '1 variable, 2 MB'
  assert held['examples'] == '640'


def test_whole_but_foreign(tmp_path):
  folder = tmp_path / 'checkpoints' / 'step_000000001'
  folder.mkdir(parents=True)
  (folder / 'state.index').write_text('weights')
  manifest.seal(folder, step=1, metric=None, written=0.0)
  lines, error = told(tmp_path)
  assert error is None
  assert 'nothing that TensorFlow can read' in lines[-1]


@pytest.mark.parametrize('metric', [None, 3.0])
def test_it_reads_beside_a_run_that_writes(tmp_path, metric):
  """A checkpoint that is rotated away meanwhile is no fault."""
  counted = Counted(tmp_path / 'checkpoints', keep=1).save(1, metrics=[metric])
  for step in range(2, 40):
    counted.value.assign(step)
    counted.checkpoints.save(step)
    lines, error = told(tmp_path)
    assert error is None
    assert not [line for line in lines if 'not whole' in line]
  counted.checkpoints.wait()
