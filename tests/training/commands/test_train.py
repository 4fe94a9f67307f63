"""Tests of `tfp-cinc train` in a process of its own, as a user runs it."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.programs import processes
from tests.training import tiny
from tests.training.png import write_png
from training.configs.loading import load_config
from training.configs.options import OPTIONS
from training.data.load import load_dataset
from training.run_folder.lock import lock_folder

FILES = {
  '.lock',
  'checkpoints',
  'config.json',
  'metrics.json',
  'reconstructions.png',
  'samples.png',
  'saved_model',
  'status.json',
  'tensorboard',
}


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  """(folder, standard output) of a run of one worker without Horovod."""
  folder = tmp_path_factory.mktemp('run') / 'tiny'
  code, out, error = processes.train(folder)
  assert code == 0, error
  return folder, out


def summaries(folder):
  """Returns {tag: [step, ...]} of the TensorBoard files."""
  steps = {}
  for path in sorted((folder / 'tensorboard').iterdir()):
    for event in tf.compat.v1.train.summary_iterator(str(path)):
      for value in event.summary.value:
        steps.setdefault(value.tag, []).append(event.step)
  return steps


def test_results_of_a_run(trained):
  folder, out = trained
  assert {path.name for path in folder.iterdir()} == FILES
  metrics = json.loads((folder / 'metrics.json').read_text())
  assert metrics['step'] == 6
  assert metrics['largest_reconstruction_error'] < 1e-3
  assert 0 < metrics['test_bits_per_dim'] < 12
  assert f'Test bits/dim {metrics["test_bits_per_dim"]:.4f}' in out
  assert 'digits: 1617 training images of shape 8 x 8 x 1. Held out' in out
  assert 'The training ends after 6 steps (config.train.num_steps).' in out
  assert 'In ' + str(folder) in out
  *_, last = out.rstrip().splitlines()
  assert last == f'  tensorboard --logdir {folder}/tensorboard'
  for name in ('samples.png', 'reconstructions.png'):
    picture = tf.io.decode_png((folder / name).read_bytes())
    assert picture.shape[1] > 500
  tags = summaries(folder)
  assert tags['train/bits_per_dim'] == [2, 4, 6]
  assert tags['test/bits_per_dim'] == [4, 6]
  assert tags['samples/temperature_0.7'] == [4, 6]
  for tag in ('gradient_norm', 'learning_rate', 'images_per_second'):
    assert tags[f'train/{tag}'] == [2, 4, 6]


def test_saved_model_agrees_with_the_metrics(trained):
  """The noise is different."""
  folder, _ = trained
  model = tf.saved_model.load(str(folder / 'saved_model'))
  images = load_dataset(tiny.get_config().data).test_images
  bits = model.signatures['log_prob'](images=tf.constant(images))
  metrics = json.loads((folder / 'metrics.json').read_text())
  np.testing.assert_allclose(
    np.mean(bits['bits_per_dim']), metrics['test_bits_per_dim'], atol=0.05
  )
  latents = model.signatures['encode'](images=tf.constant(images))['latents']
  decoded = model.signatures['decode'](latents=latents)['images']
  np.testing.assert_array_equal(decoded, images)


@pytest.mark.slow
def test_finished_run_is_not_trained_again(trained):
  folder, _ = trained
  before = (folder / 'metrics.json').read_text()
  code, out, error = processes.train(folder)
  assert code == 0, error
  assert 'Resumed from step 6.' in out
  ours, theirs = (
    json.loads(text) for text in (before, (folder / 'metrics.json').read_text())
  )
  assert ours == theirs


@pytest.mark.slow
def test_run_resumes_with_another_learning_rate(trained, tmp_path):
  folder = shutil.copytree(trained[0], tmp_path / 'run')
  code, out, error = processes.train(
    folder, '--config.train.num_steps=8', '--config.train.learning_rate=1e-4'
  )
  assert code == 0, error
  assert (
    'Resumed with train.learning_rate 0.001 -> 0.0001, train.num_steps 6 -> 8.'
    in out
  )
  metrics = json.loads((folder / 'metrics.json').read_text())
  assert metrics['step'] == 8
  config = json.loads((folder / 'config.json').read_text())['config']
  assert config['train']['learning_rate'] == 1e-4


def test_another_configuration_leaves_the_run_alone(trained):
  folder, _ = trained
  before = (folder / 'config.json').read_bytes()
  code, _, error = processes.train(folder, '--config.flow.depth=2')
  assert code == 2
  assert 'flow.depth 1 -> 2' in error
  assert (folder / 'config.json').read_bytes() == before


@pytest.mark.slow
def test_nonfinite_steps_end_the_run(tmp_path):
  """The learning rate grows until the flow diverges; a good state is kept."""
  folder = tmp_path / 'run'
  code, _, error = processes.train(
    folder,
    '--config.train.learning_rate=6e6',
    '--config.train.warmup_steps=1000000',
    '--config.train.clip_norm=0.0',
    '--config.train.num_steps=100000',
    '--config.train.checkpoint_every=1',
    '--config.train.eval_every=100000',
  )
  assert code == 2
  assert '10 consecutive steps' in error
  assert 'is kept' in error
  assert not (folder / 'metrics.json').exists()
  code, out, error = processes.run(
    'training', 'evaluate', folder, '--noise-draws', 1
  )
  assert code == 0, error
  assert 'nan' not in out
  assert 'inf' not in out


@pytest.mark.slow
def test_second_process_in_the_same_folder_is_refused(trained):
  folder, _ = trained
  with lock_folder(folder, 'wait'):
    code, _, error = processes.train(folder)
  assert code == 2
  assert 'another process is training in' in error


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ([], '--workdir is missing'),
    (['--workdir', ''], "--workdir is ''; name the folder"),
    (['--data', 'none'], '--data none does not exist'),
    (['--config.data.image_size=100000'], 'at least 1 and at most 1,024'),
    (['--config.train.learning_rate=inf'], 'it must be a finite number'),
    (['--workdir', 'run', 'more'], "train takes only options, not 'more'"),
    (['--workdir', 'run', '--confg', 'x'], '--confg (did you mean --config?)'),
    (['--workdir', 'run', '--config', 'none.py'], 'none.py is not a config'),
    (['--workdir', 'run', '--config', 'glow'], "no configuration 'glow'"),
    (['--workdir', 'run', '--data', 'none'], '--data none does not exist'),
    (['--workdir', 'run', '--data', __file__], 'cannot be read; name'),
    (['--config.flow.dept=2'], '(did you mean --config.flow.depth?)'),
    (['--config.flow.depth'], 'write --config.flow.depth=VALUE'),
    (['--config.train.log_every=0'], 'log_every is 0; it must be at least 1'),
    (['--config.train.learning_rate=0.0'], 'is 0.0; it must be more than 0'),
    (['--config.train.optimizer', 'adm'], '(did you mean adam?)'),
    (['--config.data.crop=32'], 'crop is 32; it must be less than'),
    (
      [
        '--config.data.name=tfds',
        '--config.data.tfds_name=mnist',
        '--config.data.dir=/none',
      ],
      "the data set 'mnist' is not prepared in /none",
    ),
  ],
)
def test_wrong_call_is_refused_and_leaves_nothing(refused, arguments, message):
  if arguments and arguments[0].startswith('--config.'):
    arguments = ['--workdir', 'run', *arguments]
  refused('train', *arguments, words=[message])


def test_missing_horovod_is_reported(refused, monkeypatch):
  monkeypatch.setenv('HOROVOD_SIZE', '2')
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  message = '2 workers were started but Horovod is not installed'
  refused('train', '--workdir', 'run', words=[message])


@pytest.fixture
def started(monkeypatch):
  """The (configuration, folder) of each call of the training function."""
  calls = []
  monkeypatch.setattr(
    'training.loop.train.train', lambda *arguments: calls.append(arguments)
  )
  return calls


def test_default_configuration_is_cinc_photos(call, started):
  assert call('train', '--workdir', 'run') == (0, '', '')
  assert started == [(load_config('cinc_photos'), 'run')]


def test_overrides_are_written_in_two_ways(call, started):
  call(
    *('train', '--config.flow.depth=8', '--workdir', 'run'),
    *('--config', 'glow_photos', '--config.train.learning_rate', '1e-4'),
  )
  [(config, _)] = started
  assert (config.flow.name, config.flow.depth) == ('glow', 8)
  assert config.train.learning_rate == 1e-4


@pytest.mark.parametrize(
  ('name', 'kind'),
  [('images', 'folder'), ('arrays', 'arrays'), ('x.npz', 'arrays')],
)
def test_data_are_a_folder_of_images_or_arrays(
  call, started, tmp_path, name, kind
):
  write_png(tmp_path / 'images' / '0.png', np.zeros([8, 8, 3], np.uint8))
  (tmp_path / 'arrays').mkdir()
  np.save(tmp_path / 'arrays' / 'train.npy', np.zeros([2, 8, 8], np.uint8))
  np.savez(tmp_path / 'x.npz', images=np.zeros([2, 8, 8], np.uint8))
  code, _, _ = call('train', '--workdir', 'run', '--data', tmp_path / name)
  assert code == 0
  [(config, _)] = started
  assert config.data.name == kind
  assert config.data.dir == str(tmp_path / name)


def test_folder_of_the_data_becomes_absolute(call, started, tmp_path):
  """The run can then be used from any folder."""
  here = pathlib.Path.cwd()
  write_png(here / 'images' / '0.png', np.zeros([8, 8, 3], np.uint8))
  for arguments in (
    ['--data', 'images'],
    ['--config.data.name=folder', '--config.data.dir=./images'],
  ):
    code, _, error = call('train', '--workdir', 'run', *arguments)
    assert code == 0, error
    config, folder = started.pop()
    assert config.data.dir == str(here / 'images')
    assert folder == 'run'


def test_smoke_reduces_the_configuration(call, started):
  arguments = ('--config', 'cinc_imagenet64', '--config.smoke=True')
  code, _, _ = call('train', '--workdir', 'run', *arguments)
  assert code == 0
  [(config, _)] = started
  assert (config.data.name, config.train.num_steps) == ('made_up', 2)


def test_configuration_of_a_user(call, started, tmp_path):
  """A flow argument that the table does not have is set and overridden."""
  path = tmp_path / 'mine.py'
  path.write_text(
    'from training.configs.base import get_photos_config\n'
    'def get_config():\n'
    "  config = get_photos_config('cinc')\n"
    "  config.flow.mask = 'nested'\n"
    '  return config\n'
  )
  arguments = ('--config', path, '--config.flow.mask=raster')
  code, _, error = call('train', '--workdir', 'run', *arguments)
  assert code == 0, error
  [(config, _)] = started
  assert config.flow.mask == 'raster'


def test_help_lists_every_value_with_its_default(call):
  code, out, _ = call('train', '--help')
  assert code == 0
  letters = ''.join(out.split())  # lines may break at spaces and hyphens
  for key, option in OPTIONS.items():
    assert f'--config.{key}={option.type.__name__.upper()}' in letters
    assert ''.join(option.help.split()) in letters
    for choice in option.choices:
      assert choice in letters
  assert 'atleast0andlessthan1;default0.999' in letters
  assert letters.count('resumable]') == sum(
    option.resumable for option in OPTIONS.values()
  )
