"""`python -m training status`: how a run stands, from its folder alone."""

import errno
import json
import multiprocessing
import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.training import tiny
from training import status, workdir
from training.errors import UserError

VALUES = {
  'step': 3,
  'num_steps': 6,
  'bits_per_dim': 3.25,
  'images_per_second': 128.4,
  'seconds_left': 125.0,
  'skipped_steps': 1,
  'workers': 2,
}


@pytest.fixture
def folder(tmp_path):
  workdir.write_config(tiny.get_config(), tmp_path)
  return tmp_path


def hold_lock(folder, connection):
  with workdir.lock(folder):
    connection.send('held')
    connection.recv()


@pytest.fixture
def trainer(folder):
  """Another process that holds the lock, as training does."""
  context = multiprocessing.get_context('spawn')
  ours, theirs = context.Pipe()
  process = context.Process(target=hold_lock, args=(folder, theirs))
  process.start()
  assert ours.recv() == 'held'
  yield process
  process.kill()
  process.join()


def test_no_run(tmp_path):
  with pytest.raises(UserError, match='holds no run'):
    status.status(tmp_path)
  with pytest.raises(UserError, match='holds no run'):
    status.status(tmp_path / 'missing')
  assert not list(tmp_path.iterdir())


def test_fresh_folder(folder, capsys):
  status.status(folder)
  assert capsys.readouterr().out.splitlines() == [
    f'{folder}: not started',
    'step 0 of 6: nothing logged yet',
    'no checkpoint yet',
  ]


def test_while_it_trains_and_after_it_died(folder, trainer):
  assert 'training on 1 worker\nstep 0 of 6' in status.describe(folder)
  assert status.write_status(folder, **VALUES)
  for step in (2, 10):
    (folder / 'checkpoints' / f'step_{step:09d}').mkdir(parents=True)
  (folder / 'checkpoints' / '.tmp_step_000000012').mkdir()
  os.utime(folder / 'checkpoints' / 'step_000000010', (0, 0))
  text = status.describe(folder)
  assert re.search(r'training on 2 workers\nstep 3 of 6 \(50%\), logged', text)
  assert re.search(r', 2:0\d left\n', text)
  assert 'bits/dim: train 3.250\n128 images/s, 1 skipped step\n' in text
  assert re.search(r'newest checkpoint: step 10, written \d+ days', text)
  trainer.kill()
  trainer.join()
  text = status.describe(folder)
  assert 'no process is training it, and it has not ended' in text
  assert 'left' not in text


def test_finished_run(folder):
  with workdir.lock(folder):
    pass
  status.write_status(folder, **{**VALUES, 'step': 6}, ended=True)
  metrics = {'test_bits_per_dim': 3.14159, 'data': 'digits', 'step': 6}
  workdir.write_json(folder / 'metrics.json', metrics)
  text = status.describe(folder)
  assert text.startswith(f'{folder}: ended\nstep 6 of 6 (100%)')
  assert 'result: test bits/dim 3.1416 on digits at step 6' in text


def test_test_bits_and_notes_stay(folder):
  status.add_note(folder, 'Initialized from data.\n')
  for step, bits in [(1, 4.0), (2, None), (3, 3.5), (4, 3.75), (5, None)]:
    values = {**VALUES, 'step': step, 'test_bits_per_dim': bits}
    assert status.write_status(folder, **values)
  text = status.describe(folder)
  assert 'test 3.7500 (step 4), best 3.5000 (step 3)\n' in text
  assert re.search(r'  \d{4}-\d\d-\d\d [\d:]{8}  Initialized from data.$', text)
  for number in range(12):
    status.add_note(folder, f'note {number}')
  lines = status.describe(folder).splitlines()
  assert [line.split('  ')[-1] for line in lines[-11:]][1:] == [
    f'note {number}' for number in range(2, 12)
  ]
  assert 'best 3.5000' in lines[2]


def test_values_that_are_not_finite_are_said_and_are_json(folder):
  values = {**VALUES, 'bits_per_dim': float('nan'), 'seconds_left': None}
  status.write_status(folder, **values, test_bits_per_dim=float('inf'))
  json.loads((folder / 'status.json').read_text(), parse_constant=pytest.fail)
  text = status.describe(folder)
  assert 'bits/dim: train not finite\n' in text


def test_a_damaged_file_is_as_none(folder):
  (folder / 'status.json').write_text('{"step": 3')
  assert 'nothing logged yet' in status.describe(folder)
  assert status.write_status(folder, **VALUES)
  assert 'step 3 of 6' in status.describe(folder)


def test_trouble_with_the_disk_stops_nothing(folder, monkeypatch):
  def full(path, content):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  status.write_status(folder, **VALUES)
  monkeypatch.setattr(workdir, 'replace_file', full)
  assert not status.write_status(folder, **{**VALUES, 'step': 4})
  assert not status.add_note(folder, 'The disk is full.')
  assert 'step 3 of 6' in status.describe(folder)


def test_needs_no_tensorflow(folder):
  code = (
    'import sys; from training import status; '
    f'status.status({str(folder)!r}); '
    "sys.exit('tensorflow' in sys.modules)"
  )
  root = pathlib.Path(__file__).parents[2]
  subprocess.run([sys.executable, '-c', code], cwd=root, check=True)
