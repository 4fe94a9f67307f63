"""How runs end that cannot go on: at once, with a sentence, resumable."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.faults import elastic
from tests.training import processes
from tests.training.test_resume import newest

LONG = ('--config.train.num_steps=100000', '--config.train.checkpoint_every=5')


def start(workdir, *overrides, workers):
  return processes.start(
    'training',
    'train',
    '--config',
    processes.TINY,
    '--workdir',
    workdir,
    *overrides,
    workers=workers,
  )


def wait_for_checkpoint(process, workdir, step=1):
  while newest(workdir / 'checkpoints') < step:
    assert process.poll() is None, process.communicate()
    time.sleep(0.02)


@pytest.mark.parametrize('count', [1, 2])
def test_sigterm_saves_and_exits_with_0(tmp_path, count):
  workdir = tmp_path / 'run'
  process = start(workdir, *LONG, workers=count)
  wait_for_checkpoint(process, workdir, 10)
  asked = time.monotonic()
  if count == 1:
    process.send_signal(signal.SIGTERM)
  else:  # one of them is told, all end
    elastic.workers(process)[1].send_signal(signal.SIGTERM)
  out, error = process.communicate()
  took = time.monotonic() - asked
  assert process.returncode == 0, error
  step = int(re.search(r'Ended at step (\d+)', out)[1])
  assert newest(workdir / 'checkpoints') == step
  assert took < 60  # a hang; it took 3 s beside other work on the machine
  # It goes on from there.
  code, out, error = processes.train(
    workdir, *LONG[1:], f'--config.train.num_steps={step + 3}', workers=count
  )
  assert code == 0, error
  assert f'Resumed from step {step}.' in out


def test_without_elastic_a_lost_worker_ends_the_run(tmp_path):
  workdir = tmp_path / 'run'
  process = start(workdir, *LONG, workers=2)
  wait_for_checkpoint(process, workdir, 5)
  elastic.kill(elastic.workers(process)[1])
  out, error = process.communicate()  # it does not hang
  assert process.returncode != 0
  assert 'resumes from the newest checkpoint' in out + error
  code, out, _ = processes.train(
    workdir,
    *LONG[1:],
    f'--config.train.num_steps={newest(workdir / "checkpoints") + 2}',
  )
  assert code == 0
  assert 'Resumed from step' in out


def run_differing(tmp_path, first, second):
  """Two workers, each by a shell command of its own."""
  script = tmp_path / 'worker.sh'
  python = (
    f'{sys.executable} -m training train --config {processes.TINY} '
    f'--workdir {tmp_path / "run"}'
  )
  script.write_text(
    f'if [ "$HOROVOD_RANK" = 0 ]; then {first.format(python=python)}; '
    f'else {second.format(python=python)}; fi\n'
  )
  launcher = processes.command('', workers=2)[0]
  bin_folder = os.path.dirname(sys.executable)
  path = f'{bin_folder}{os.pathsep}{os.environ["PATH"]}'
  return subprocess.run(
    [launcher, '--gloo', '-np', '2', 'bash', str(script)],
    cwd=processes.ROOT,
    env={**os.environ, 'PATH': path},
    capture_output=True,
    text=True,
    check=False,
  )


def test_a_worker_with_another_configuration(tmp_path):
  result = run_differing(
    tmp_path, '{python}', '{python} --config.train.learning_rate=0.5'
  )
  assert result.returncode != 0
  text = result.stdout + result.stderr
  assert text.count('worker 1 has config.train.learning_rate 0.5 and') == 1
  assert not (tmp_path / 'run' / 'metrics.json').exists()


def test_a_worker_with_another_version_of_a_package(tmp_path):
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
  assert text.count("worker 1 has scikit-learn '99.0' and worker 0") == 1
