"""Tests that a run that must stop ends at once, and can be resumed."""

import re
import shlex
import signal
import subprocess
import time

import pytest

from tests.programs import elastic, processes
from tests.programs.processes import newest_checkpoint

pytestmark = pytest.mark.slow

LONG = ('--config.train.num_steps=100000', '--config.train.checkpoint_every=5')


def start(folder, *overrides, workers):
  arguments = processes.train_arguments(folder, *overrides)
  return processes.start(*arguments, workers=workers)


def wait_for_checkpoint(process, folder, step=1):
  while newest_checkpoint(folder) < step:
    assert process.poll() is None, process.communicate()
    time.sleep(0.02)


@pytest.mark.parametrize(
  ('count', 'number'),
  [(1, signal.SIGINT), (2, signal.SIGTERM)],
)
def test_signal_saves_a_checkpoint_and_exits_with_0(tmp_path, count, number):
  folder = tmp_path / 'run'
  process = start(folder, *LONG, workers=count)
  wait_for_checkpoint(process, folder, 10)
  asked = time.monotonic()
  if count == 1:
    process.send_signal(number)
  else:  # one worker is asked to stop, and all end
    elastic.worker(process, 1).send_signal(number)
  out, error = process.communicate()
  took = time.monotonic() - asked
  assert process.returncode == 0, error
  step = int(re.search(r'Stopped at step (\d+)', out)[1])
  assert newest_checkpoint(folder) == step
  assert took < 60  # it takes 3 s on a busy machine, and does not hang
  code, out, error = processes.train(
    folder, *LONG[1:], f'--config.train.num_steps={step + 3}', workers=count
  )
  assert code == 0, error
  assert f'Resumed from step {step}.' in out


def test_interrupt_before_the_training_is_one_line(tmp_path):
  config = tmp_path / 'config.py'
  config.write_text(
    'import os, signal\n'
    'def get_config():\n'
    '  os.kill(os.getpid(), signal.SIGINT)\n'
  )
  code, out, error = processes.train(tmp_path / 'run', config=config)
  assert (code, out) == (130, '')
  assert error.split() == ['Interrupted.']


def test_interrupt_of_horovodrun_saves_a_checkpoint(tmp_path):
  """It sends SIGTERM to its workers, and kills them after five seconds."""
  folder = tmp_path / 'run'
  process = start(folder, *LONG, workers=2)
  wait_for_checkpoint(process, folder, 10)
  process.send_signal(signal.SIGINT)
  out, error = process.communicate()
  # `horovodrun` itself may end with an error: it stops the shell of a worker
  # that has ended, and the shell may not have noticed yet.
  assert not re.findall(r'File ".*/(?:training|tfp_cinc)/.*', error)
  step = int(re.search(r'Stopped at step (\d+)', out)[1])
  assert newest_checkpoint(folder) == step


def test_lost_worker_ends_a_run_that_is_not_elastic(tmp_path):
  folder = tmp_path / 'run'
  process = start(folder, *LONG, workers=2)
  wait_for_checkpoint(process, folder, 5)
  elastic.worker(process, 1).kill()
  out, error = process.communicate()  # it does not hang
  assert process.returncode != 0
  assert 'resumes from the newest checkpoint' in out + error
  code, out, _ = processes.train(
    folder,
    *LONG[1:],
    f'--config.train.num_steps={newest_checkpoint(folder) + 2}',
  )
  assert code == 0
  assert 'Resumed from step' in out


def run_differing(tmp_path, first, second):
  """Runs two workers, each with its own shell command."""
  script = tmp_path / 'worker.sh'
  arguments = processes.train_arguments(tmp_path / 'run')
  python = shlex.join(processes.command(*arguments))
  script.write_text(
    f'if [ "$HOROVOD_RANK" = 0 ]; then {first.format(python=python)}; '
    f'else {second.format(python=python)}; fi\n'
  )
  return subprocess.run(
    [processes.horovodrun(), '--gloo', '-np', '2', 'bash', str(script)],
    cwd=processes.ROOT,
    env=processes.environment(),
    capture_output=True,
    text=True,
    check=False,
  )


def test_worker_with_another_configuration(tmp_path):
  result = run_differing(
    tmp_path, '{python}', '{python} --config.train.learning_rate=0.5'
  )
  assert result.returncode != 0
  text = result.stdout + result.stderr
  assert text.count('worker 1 has config.train.learning_rate 0.5, but') == 1
  assert not (tmp_path / 'run' / 'metrics.json').exists()


def test_worker_with_another_version_of_a_package(tmp_path):
  metadata = tmp_path / 'other' / 'scikit_learn-99.0.dist-info' / 'METADATA'
  metadata.parent.mkdir(parents=True)
  metadata.write_text(
    'Metadata-Version: 2.1\nName: scikit-learn\nVersion: 99.0\n'
  )
  result = run_differing(
    tmp_path, '{python}', f'PYTHONPATH={tmp_path / "other"} {{python}}'
  )
  assert result.returncode != 0
  text = result.stdout + result.stderr
  assert text.count("worker 1 has scikit-learn '99.0', but worker 0") == 1
