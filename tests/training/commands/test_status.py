"""Tests of `tfp-cinc status`, which reports on a run from its folder."""

import multiprocessing
import re

import pytest

from tests.training import tiny
from training.commands import main
from training.commands.status import describe
from training.errors import UserError
from training.run_folder import manifest, status
from training.run_folder.config_file import write_config
from training.run_folder.files import write_json
from training.run_folder.lock import lock_folder

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
  """The folder of a run that has not started."""
  write_config(tiny.get_config(), tmp_path, {})
  return tmp_path


def hold_lock(folder, connection):
  with lock_folder(folder, 'wait'):
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
  for missing in (tmp_path, tmp_path / 'missing'):
    with pytest.raises(UserError, match='holds no run'):
      describe(missing)
  assert not list(tmp_path.iterdir())


def test_run_that_has_not_started(folder, capsys):
  main(['status', str(folder)])
  assert capsys.readouterr().out.splitlines() == [
    f'{folder}: not started',
    'step 0 of 6: nothing logged yet',
    'no checkpoint yet',
  ]


def test_run_that_was_killed_before_its_first_checkpoint(folder, trainer):
  assert 'training on 1 worker\nstep 0 of 6' in describe(folder)
  assert status.write_status(folder, **VALUES)
  trainer.kill()
  trainer.join()
  assert 'stopped before its first checkpoint' in describe(folder)


def test_run_with_checkpoints_that_is_training_or_was_killed(folder, trainer):
  assert status.write_status(folder, **VALUES)
  for step in (2, 10):
    checkpoint = folder / 'checkpoints' / f'step_{step:09d}'
    checkpoint.mkdir(parents=True)
    manifest.seal(checkpoint, step=step, metric=None, written=0.0)
  (folder / 'checkpoints' / '.tmp_step_000000012').mkdir()
  text = describe(folder)
  assert re.search(r'training on 2 workers\nstep 3 of 6 \(50%\), logged', text)
  assert re.search(r', 2:0\d left\n', text)
  assert 'bits/dim: train 3.250\n128 images/s, 1 skipped step\n' in text
  assert re.search(r'newest checkpoint: step 10, written \d+ days', text)
  trainer.kill()
  trainer.join()
  text = describe(folder)
  assert 'stopped before its end; the same train command resumes it' in text
  assert 'left' not in text


def test_run_that_is_evaluated_at_its_end(folder):
  status.write_status(folder, **{**VALUES, 'step': 6})
  status.set_activity(folder, 'evaluating and exporting')
  with lock_folder(folder, 'wait'):
    text = describe(folder)
  assert text.startswith(f'{folder}: evaluating and exporting\nstep 6 of 6')
  assert 'evaluating' not in describe(folder)  # its process was killed


def test_run_that_never_logged(folder):
  status.write_status(folder, step=6, num_steps=6, ended=True)
  text = describe(folder)
  assert 'finite' not in text
  assert 'bits/dim' not in text
  assert re.search(r'step 6 of 6 .*ago\n0 skipped steps\nno checkpoint', text)


def test_finished_run(folder):
  with lock_folder(folder, 'wait'):
    pass
  status.write_status(folder, **{**VALUES, 'step': 6}, ended=True)
  metrics = {'test_bits_per_dim': 3.14159, 'data': 'digits', 'step': 6}
  write_json(folder / 'metrics.json', metrics)
  text = describe(folder)
  assert text.startswith(f'{folder}: ended\nstep 6 of 6 (100%)')
  assert 'result: test bits/dim 3.1416 on digits at step 6' in text
  assert f'`tfp-cinc sample {folder}`' in text


def test_commands_can_be_copied_into_a_shell(tmp_path):
  folder = tmp_path / 'my $runs'
  write_config(tiny.get_config(), folder, {})
  metrics = {'test_bits_per_dim': 3.14159, 'data': 'digits', 'step': 6}
  write_json(folder / 'metrics.json', metrics)
  assert f"`tfp-cinc sample '{folder}'`" in describe(folder)


def test_test_bits_and_notes_stay(folder):
  status.add_note(folder, 'Initialized from data.\n')
  for step, bits in [(1, 4.0), (2, None), (3, 3.5), (4, 3.75), (5, None)]:
    values = {**VALUES, 'step': step, 'test_bits_per_dim': bits}
    assert status.write_status(folder, **values)
  text = describe(folder)
  assert 'test 3.7500 (step 4), best 3.5000 (step 3)\n' in text
  assert re.search(r'  \d{4}-\d\d-\d\d [\d:]{8}  Initialized from data.$', text)
  for number in range(12):
    status.add_note(folder, f'note {number}')
  lines = describe(folder).splitlines()
  assert [line.split('  ')[-1] for line in lines[-11:]][1:] == [
    f'note {number}' for number in range(2, 12)
  ]
  assert 'best 3.5000' in lines[2]


def test_values_that_are_not_finite(folder):
  values = {**VALUES, 'bits_per_dim': float('nan'), 'seconds_left': None}
  status.write_status(folder, **values, test_bits_per_dim=float('inf'))
  assert 'bits/dim: train not finite\n' in describe(folder)


def test_damaged_status_counts_as_missing(folder):
  (folder / 'status.json').write_text('{"step": 3')
  assert 'nothing logged yet' in describe(folder)
  assert status.write_status(folder, **VALUES)
  assert 'step 3 of 6' in describe(folder)
