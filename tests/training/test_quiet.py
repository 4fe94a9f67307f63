"""Tests that TensorFlow's own messages do not appear in our output."""

import os
import subprocess
import sys

import pytest

from tests.programs import processes
from training.quiet import import_tensorflow_quietly

pytestmark = pytest.mark.slow

NOISE = ('cuDNN', 'cuBLAS', 'cuFFT', 'absl', 'oneDNN', 'cuda', 'rebuild Tensor')


def run(command):
  """Runs a command with TensorFlow's own log level; returns its output."""
  variables = {k: v for k, v in os.environ.items() if 'TF_CPP' not in k}
  done = subprocess.run(
    list(map(str, command)),
    cwd=processes.ROOT,
    env=variables,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  return done.stdout, done.stderr


@pytest.mark.parametrize(
  'arguments',
  [
    ['evaluate', 'RUN', '--limit', '4', '--noise-draws', '1'],
    ['sample', 'MODEL', '--number', '1', '--output', 'OUT'],
  ],
)
def test_command_prints_no_message_of_tensorflow(used, tmp_path, arguments):
  places = {'RUN': used[0], 'MODEL': used[1], 'OUT': tmp_path / 'out.png'}
  arguments = [places.get(word, word) for word in arguments]
  out, error = run([processes.script('tfp-cinc'), *arguments])
  assert out
  assert error == ''


def test_training_prints_no_message_of_tensorflow(tmp_path):
  arguments = processes.train_arguments(
    tmp_path / 'run', '--config.train.num_steps=2'
  )
  out, error = run(processes.command(*arguments))
  assert [x for x in NOISE if x in out + error] == []
  assert all(line.startswith('step ') for line in error.splitlines())


def test_tensorflow_prints_these_messages_otherwise():
  """Shows that the tests above can fail."""
  _, error = run([sys.executable, '-c', 'import tensorflow'])
  assert [x for x in NOISE if x in error]


def test_other_messages_of_the_import_are_kept(tmp_path):
  """An error while TensorFlow is imported is shown."""
  package = tmp_path / 'tensorflow'
  package.mkdir()
  (package / '__init__.py').write_text(
    'import os\n'
    "os.write(2, b'WARNING: All log messages before absl::InitializeLog() is "
    "called are written to STDERR\\n')\n"
    "os.write(2, b'E0000 00:00:1 cuda_dnn.cc:1] Unable to register cuDNN "
    "factory: x\\n')\n"
    "os.write(2, b'I0000 00:00:1 port.cc:1] oneDNN custom operations are on. "
    "You may see x\\n')\n"
    "os.write(2, b'something else\\n')\n"
  )
  code = (
    'import sys\n'
    'from training.quiet import import_tensorflow_quietly\n'
    'import_tensorflow_quietly()\n'
    f'sys.path.insert(0, {str(tmp_path)!r})\n'
    'import tensorflow\n'
    'import tensorflow\n'
    "print('after', file=sys.stderr)\n"
  )
  _, error = run([sys.executable, '-c', code])
  assert error == 'something else\nafter\n'


def test_calls_after_the_first_change_nothing():
  before = list(sys.meta_path)
  import tensorflow  # noqa: F401

  import_tensorflow_quietly()
  assert sys.meta_path == before
