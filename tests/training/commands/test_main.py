"""Tests of the command line as a whole: help, wrong calls and processes."""

import subprocess
import sys

import pytest
import tensorflow as tf

import tfp_cinc
from tests.programs import processes
from training.commands import COMMANDS, main
from training.configs.options import OPTIONS
from training.errors import UserError


def test_help_lists_all_commands_with_examples(call):
  code, out, _ = call('--help')
  assert code == 0
  assert call()[:2] == (0, out)
  for name in COMMANDS:
    assert f'\n  {name} ' in out
    code, help_text, _ = call(name, '--help')
    assert code == 0
    assert help_text.startswith('Usage: ')
    assert f'Example:\n    tfp-cinc {name} ' in help_text
    assert call(name, '-h')[:2] == (0, help_text)


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['sampel'], "no command 'sampel' (did you mean sample?); `"),
    (['fly'], "there is no command 'fly'; `"),
    (['sample'], "missing argument 'PATH'; see `"),
    (['sample', 'none'], 'none holds no run and no SavedModel'),
    (['sample', 'PATH', '--temprature', '1'], '(did you mean --temperature?)'),
    (['sample', 'PATH', 'more'], 'got unexpected extra argument (more)'),
    (['evaluate', 'none'], 'none holds no run and no SavedModel'),
    (['status', 'none'], 'none holds no run'),
    (['inspect', 'none'], 'none holds no run'),
    (['demo', 'PATH', '--port', '70000'], "'--port': 70000 is not in the"),
    (['prepare'], "missing argument 'NAME'"),
  ],
)
def test_wrong_call_is_one_sentence(refused, used, arguments, message):
  arguments = [str(used[1]) if a == 'PATH' else a for a in arguments]
  refused(*arguments, words=[message])


@pytest.mark.parametrize('name', [name for name in COMMANDS if name != 'train'])
def test_unknown_option_is_refused_by_every_command(refused, name):
  refused(name, '--xyz', words=['there is no option --xyz'])


def test_error_of_the_program_is_not_hidden(monkeypatch, used):
  """Only errors caused by the user become one sentence."""

  def fail(folder):
    raise ZeroDivisionError

  monkeypatch.setattr('training.commands.status.describe', fail)
  with pytest.raises(ZeroDivisionError):
    main(['status', str(used[0])])


def test_missing_package_is_named(refused, monkeypatch, used):
  def fail(folder):
    raise ModuleNotFoundError("No module named 'tqdm'", name='tqdm')

  monkeypatch.setattr('training.commands.status.describe', fail)
  words = ['the package tqdm is missing', "pip install '.[train]'"]
  refused('status', used[0], words=words)


def test_missing_module_of_ours_is_not_hidden(monkeypatch, used):
  def fail(folder):
    raise ModuleNotFoundError('No module', name='training.lost')

  monkeypatch.setattr('training.commands.status.describe', fail)
  with pytest.raises(ModuleNotFoundError):
    main(['status', str(used[0])])


@pytest.mark.parametrize(
  ('variables', 'is_printed'),
  [
    ({'HOROVOD_LOCAL_RANK': '0'}, True),
    ({'HOROVOD_LOCAL_RANK': '1'}, False),
    ({'HOROVOD_LOCAL_RANK': '1', 'HOROVOD_ELASTIC': '1'}, True),
  ],
)
def test_one_worker_of_a_machine_prints_the_error(
  call, monkeypatch, variables, is_printed
):
  for name, value in variables.items():
    monkeypatch.setenv(name, value)
  code, _, error = call('status', 'none')
  assert code == 2
  assert bool(error) == is_printed


def test_interrupt_ends_a_command(call, monkeypatch, used):
  def interrupt(folder):
    raise KeyboardInterrupt

  monkeypatch.setattr('training.commands.status.describe', interrupt)
  code, _, error = call('status', used[0])
  assert (code, error.split()) == (130, ['Interrupted.'])


def test_version(call):
  code, out, _ = call('--version')
  assert code == 0
  assert out.startswith(f'tfp-cinc {tfp_cinc.__version__} (python 3.')
  assert 'tensorflow 2.' in out


@pytest.mark.parametrize('name', ['status', 'evaluate', 'inspect', 'export'])
def test_name_that_is_too_long_is_one_sentence(refused, name):
  refused(name, 'x' * 300, words=['File name too long'])


def test_folder_without_permission_is_one_sentence(refused, monkeypatch, used):
  def fail(folder):
    raise PermissionError(13, 'Permission denied', '/secret/config.json')

  monkeypatch.setattr('training.commands.status.describe', fail)
  words = ['/secret/config.json cannot be used: Permission denied.']
  refused('status', used[0], words=words)


def test_missing_memory_is_one_sentence(refused, monkeypatch, used):
  def fail(folder):
    raise tf.errors.ResourceExhaustedError(None, None, 'OOM\nmore')

  monkeypatch.setattr('training.commands.status.describe', fail)
  words = ['not enough memory', '(OOM)', 'smaller']
  refused('status', used[0], words=words)


def test_configs_lists_every_configuration(call):
  code, out, _ = call('configs')
  assert code == 0
  lines = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
  assert lines['cinc_photos'] == ['cinc', 'photos']
  assert lines['nice_mnist'] == ['nice', 'mnist']


def test_configs_prints_the_values_of_a_configuration(call, refused):
  code, out, _ = call('configs', 'nice_mnist')
  assert code == 0
  lines = dict(line.split(maxsplit=1) for line in out.splitlines())
  assert lines['config.data.tfds_name'] == "'mnist'"
  assert lines['config.flow.levels'] == 'that of the model'
  assert lines.keys() == {f'config.{key}' for key in OPTIONS}
  refused('configs', 'nice_mnis', words=['(did you mean nice_mnist?)'])


def test_prepare_prints_the_folder(call, tmp_path):
  folder = tmp_path / 'mnist' / '3.0.1'
  folder.mkdir(parents=True)
  (folder / 'dataset_info.json').write_text('{}')
  code, out, _ = call('prepare', 'mnist', '--data-dir', tmp_path)
  assert (code, out) == (0, f'Prepared in {folder}\n')


@pytest.mark.parametrize(
  'arguments',
  [
    ['--help'],
    ['train', '--help'],
    ['configs'],
    ['status', 'RUN'],
    ['sample', 'none'],
    ['train', '--workdir', 'x', '--config.train.num_steps=0'],
    ['train', '--workdir', 'x', '--data', 'none'],
  ],
)
def test_quick_answers_need_no_tensorflow(used, arguments):
  arguments = [str(used[0]) if a == 'RUN' else a for a in arguments]
  code = (
    'import sys\n'
    'from training.commands import main\n'
    'try:\n'
    f'  main({arguments!r})\n'
    'except SystemExit:\n'
    '  pass\n'
    "sys.exit('tensorflow' in sys.modules)"
  )
  subprocess.run(
    [sys.executable, '-c', code],
    cwd=processes.ROOT,
    check=True,
    capture_output=True,
  )


def test_module_and_script_do_the_same():
  script = [processes.script('tfp-cinc')]
  module = processes.command('training')
  for command, name in ((script, 'tfp-cinc'), (module, 'python -m training')):
    done = subprocess.run(
      [*command, 'status', 'none'],
      cwd=processes.ROOT,
      capture_output=True,
      text=True,
      check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ''
    assert done.stderr == (
      'error: none holds no run: there is no none/config.json.\n'
    )
    done = subprocess.run(
      [*command, 'train', '--help'],
      cwd=processes.ROOT,
      capture_output=True,
      text=True,
      check=True,
    )
    assert done.stdout.startswith(f'Usage: {name} train [OPTIONS]')


def test_script_loads_the_configuration_of_a_user(tmp_path):
  """The user is not in a checkout, and overrides a key of their own."""
  (tmp_path / 'mine.py').write_text(
    'from tfp_cinc_training.configs.base import get_base_config\n'
    'def get_config():\n'
    '  config = get_base_config()\n'
    "  config.flow.mask = 'nested'\n"
    '  config.train.num_steps = 0\n'
    '  return config\n'
  )
  command = [processes.script('tfp-cinc'), 'train', '--workdir', 'run']
  done = subprocess.run(
    [*command, '--config', 'mine.py', '--config.flow.mask=raster'],
    cwd=tmp_path,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.stderr == (
    'error: config.train.num_steps is 0; it must be at least 1 and at most '
    '1,000,000,000.\n'
  )
  assert [path.name for path in tmp_path.iterdir()] == ['mine.py']


def test_user_error_is_exported():
  import training

  assert training.UserError is UserError
  with pytest.raises(AttributeError, match="no attribute 'open_flows'"):
    training.open_flows  # noqa: B018
