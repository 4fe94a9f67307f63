"""The commands as a user runs them, and what they answer to bad input."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.training import processes, tiny
from training import datasets, workdir

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
  """(workdir, standard output) of a run of one worker without Horovod."""
  folder = tmp_path_factory.mktemp('run') / 'tiny'
  code, out, error = processes.train(folder)
  assert code == 0, error
  return folder, out


def summaries(folder):
  """{tag: [step, ...]} of the TensorBoard files."""
  steps = {}
  for path in sorted((folder / 'tensorboard').iterdir()):
    for event in tf.compat.v1.train.summary_iterator(str(path)):
      for value in event.summary.value:
        steps.setdefault(value.tag, []).append(event.step)
  return steps


def test_leaves_its_results(trained):
  folder, out = trained
  assert {path.name for path in folder.iterdir()} == FILES
  metrics = json.loads((folder / 'metrics.json').read_text())
  assert metrics['step'] == 6
  assert metrics['largest_reconstruction_error'] < 1e-3
  assert 0 < metrics['test_bits_per_dim'] < 12
  assert f'Test bits/dim {metrics["test_bits_per_dim"]:.4f}' in out
  assert out.rstrip().splitlines()[-4].startswith('Next, with the environment')
  assert 'digits: 1617 images to train on, each 8 x 8 x 1.' in out
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
  """The mean bits/dim of the test images, with other noise."""
  folder, _ = trained
  model = tf.saved_model.load(str(folder / 'saved_model'))
  images = datasets.load(tiny.get_config().data).test_images
  bits = model.signatures['log_prob'](images=tf.constant(images))
  metrics = json.loads((folder / 'metrics.json').read_text())
  np.testing.assert_allclose(
    np.mean(bits['bits_per_dim']), metrics['test_bits_per_dim'], atol=0.05
  )
  latents = model.signatures['encode'](images=tf.constant(images))['latents']
  decoded = model.signatures['decode'](latents=latents)['images']
  np.testing.assert_array_equal(decoded, images)


def test_a_finished_run_is_not_trained_again(trained):
  folder, _ = trained
  before = (folder / 'metrics.json').read_text()
  code, out, error = processes.train(folder)
  assert code == 0, error
  assert 'Resumed from step 6.' in out
  ours, theirs = (
    json.loads(text) for text in (before, (folder / 'metrics.json').read_text())
  )
  assert ours == theirs


def test_a_run_goes_on_with_another_learning_rate(trained, tmp_path):
  folder = shutil.copytree(trained[0], tmp_path / 'run')
  code, out, error = processes.train(
    folder, '--config.train.num_steps=8', '--config.train.learning_rate=1e-4'
  )
  assert code == 0, error
  assert (
    'Goes on with train.learning_rate 0.001 -> 0.0001, train.num_steps 6 -> 8.'
    in out
  )
  metrics = json.loads((folder / 'metrics.json').read_text())
  assert metrics['step'] == 8
  config = json.loads((folder / 'config.json').read_text())['config']
  assert config['train']['learning_rate'] == 1e-4


def test_evaluate_and_sample(trained):
  folder, _ = trained
  code, out, error = processes.run(
    'training', 'evaluate', '--workdir', folder, '--noise_draws', 2
  )
  assert code == 0, error
  metrics = json.loads((folder / 'metrics.json').read_text())
  assert f'Test bits/dim {metrics["test_bits_per_dim"]:.4f}' in out
  code, out, error = processes.run(
    'training',
    'sample',
    '--workdir',
    folder,
    '--number',
    5,
    '--temperature',
    0.5,
  )
  assert code == 0, error
  path = folder / 'samples_0.5_0.png'
  assert str(path) in out
  assert tf.io.decode_png(path.read_bytes()).shape.rank == 3
  path.unlink()


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['fly'], 'call `python -m training COMMAND`'),
    (['train', '--config', processes.TINY], '--workdir is missing'),
    (['train', '--workdir', 'WORKDIR'], '--config is missing'),
    (
      ['train', '--config', 'none.py', '--workdir', 'WORKDIR'],
      '--config none.py is no configuration',
    ),
    (
      [
        'train',
        '--config',
        processes.TINY,
        '--workdir',
        'WORKDIR',
        '--config.flow.dept=2',
      ],
      'did you mean --config.flow.depth?',
    ),
    (
      [
        'train',
        '--config',
        processes.TINY,
        '--workdir',
        'WORKDIR',
        '--config.data.name=tfds',
        '--config.data.tfds_name=mnist',
        '--config.data.dir=WORKDIR',
      ],
      "the data set 'mnist' is not prepared",
    ),
    (
      [
        'train',
        '--config',
        processes.TINY,
        '--workdir',
        'WORKDIR',
        '--config.train.log_every=0',
      ],
      'config.train.log_every is 0; it must be at least 1',
    ),
    (
      [
        'train',
        '--config',
        processes.TINY,
        '--workdir',
        'WORKDIR',
        '--config.train.learning_rate=0.0',
      ],
      'config.train.learning_rate is 0.0; it must be more than 0',
    ),
    (['sample', '--workdir', 'WORKDIR'], 'holds no run'),
  ],
)
def test_bad_calls_are_one_sentence_and_leave_nothing(
  tmp_path, arguments, message
):
  workdir = tmp_path / 'run'
  arguments = [a.replace('WORKDIR', str(workdir)) for a in arguments]
  code, out, error = processes.run('training', *arguments)
  assert code == 2
  assert out == ''
  assert error.startswith('error: ')
  assert message in error
  assert error.count('\n') == 1
  assert not workdir.exists()


def test_another_config_leaves_the_run_alone(trained):
  folder, _ = trained
  before = (folder / 'config.json').read_bytes()
  code, _, error = processes.train(folder, '--config.flow.depth=2')
  assert code == 2
  assert 'flow.depth 1 -> 2' in error
  assert (folder / 'config.json').read_bytes() == before


def test_steps_that_are_not_finite_end_the_run(tmp_path):
  """Learning rates that grow till no flow survives; a good state is kept."""
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
  assert '10 steps in a row' in error
  assert 'is kept' in error
  assert not (folder / 'metrics.json').exists()
  code, out, error = processes.run(
    'training', 'evaluate', '--workdir', folder, '--noise_draws', 1
  )
  assert code == 0, error
  assert 'nan' not in out
  assert 'inf' not in out


def test_two_runs_in_one_folder(trained):
  folder, _ = trained
  with workdir.lock(folder):
    code, _, error = processes.train(folder)
  assert code == 2
  assert 'another process is training in' in error
