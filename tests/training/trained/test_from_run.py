"""Tests of the flow of a run, in particular when its data set is missing."""

import json
import shutil

import numpy as np
import pytest

from tests.programs.processes import TINY
from tests.training import tiny
from tests.training.data.helpers import random_image
from tests.training.png import read_png, write_png
from training.commands import main
from training.data.facts import DataFacts
from training.errors import UserError
from training.run_folder import manifest
from training.run_folder.config_file import write_config
from training.trained import open_flow
from training.trained.from_run import restore_run


def test_run_without_checkpoint(tmp_path):
  facts = DataFacts('digits', (8, 8, 1))
  write_config(tiny.get_config(), tmp_path, facts.to_json())
  with pytest.raises(UserError, match='holds no checkpoint yet'):
    open_flow(tmp_path)
  with pytest.raises(UserError, match='no checkpoint with known test bits'):
    restore_run(tmp_path, 'best')


def test_best_checkpoint_is_restored(used, tmp_path):
  folder = shutil.copytree(used[0], tmp_path / 'run')
  checkpoint = folder / 'checkpoints' / 'step_000000004'
  facts = manifest.read(checkpoint)
  (checkpoint / 'manifest.json').unlink()
  manifest.seal(checkpoint, step=4, metric=0.5, written=facts['written'])
  newest, best = (restore_run(folder, name) for name in ('newest', 'best'))
  assert (newest.step, best.step) == (6, 4)
  assert newest.data == best.data == restore_run(used[0]).data
  weights = [run.model.flow.trainable_variables for run in (newest, best)]
  assert any(np.any(a != b) for a, b in zip(*weights, strict=True))


def test_run_without_data_facts_asks_the_data_set(used, tmp_path):
  """A run of an earlier version has no section 'data'."""
  folder = shutil.copytree(used[0], tmp_path / 'run')
  path = folder / 'config.json'
  content = json.loads(path.read_text())
  del content['data']
  path.write_text(json.dumps(content))
  assert restore_run(folder).data == restore_run(used[0]).data
  content['config']['data'] |= {'name': 'folder', 'dir': str(tmp_path / 'none')}
  path.write_text(json.dumps(content))
  with pytest.raises(UserError, match='which is not a folder'):
    restore_run(folder)


@pytest.mark.parametrize(
  'data',
  [
    {},
    {'name': 'x', 'image_shape': [8]},
    {'name': 'x', 'image_shape': [0, 8, 1]},
  ],
)
def test_damaged_data_facts_are_refused(used, tmp_path, data):
  folder = shutil.copytree(used[0], tmp_path / 'run')
  path = folder / 'config.json'
  content = json.loads(path.read_text())
  path.write_text(json.dumps({**content, 'data': data}))
  with pytest.raises(UserError, match='does not describe the data of the run'):
    restore_run(folder)


@pytest.fixture(scope='module')
def moved(tmp_path_factory):
  """(run, images): a run whose folder of PNG files has moved to `images`.

  The images are in a sub-folder for each of two classes.
  """
  place = tmp_path_factory.mktemp('moved')
  for number in range(20):
    name = f'{("cats", "dogs")[number % 2]}/{number}.png'
    write_png(place / 'before' / name, random_image(number))
  main(
    [
      *('train', '--config', TINY, '--workdir', str(place / 'run')),
      *('--data', str(place / 'before'), '--config.train.num_steps=2'),
      # The setting would stay for all other tests of this process.
      '--config.train.deterministic=False',
    ]
  )
  return place / 'run', (place / 'before').rename(place / 'after')


def test_flow_whose_data_have_moved_is_used(moved):
  run, images = moved
  flow = open_flow(run)
  assert (flow.name, flow.image_shape) == ('before', (8, 8, 3))
  assert flow.label_names == ('cats', 'dogs')
  assert flow.sample(3).shape == (3, 8, 8, 3)
  pixels = np.stack([read_png(file) for file in sorted(images.rglob('*.png'))])
  np.testing.assert_array_equal(flow.decode(flow.encode(pixels)), pixels)
  assert np.all(np.isfinite(flow.bits_per_dim(pixels)))
  assert flow.test_images is None
  assert flow.test_labels is None
  with pytest.raises(UserError, match='which is not a folder'):
    flow.dataset  # noqa: B018


@pytest.mark.slow
def test_commands_that_need_no_data_work_after_a_move(moved, tmp_path, capsys):
  run, images = moved
  first, second = images / 'cats' / '0.png', images / 'dogs' / '1.png'
  for name, *arguments in (
    ('sample', '--number', '2'),
    ('reconstruct', first, second),
    ('interpolate', first, second, '--steps', '3'),
  ):
    output = tmp_path / f'{name}.png'
    main([name, *map(str, [run, *arguments]), '--output', str(output)])
    assert read_png(output).ndim == 3
  assert '2 of 2 are identical' in capsys.readouterr().out
  main(['export', str(run), '--output', str(tmp_path / 'model')])
  flow = open_flow(tmp_path / 'model')
  assert flow.label_names == ('cats', 'dogs')
  assert flow.sample(1).shape == (1, 8, 8, 3)


@pytest.mark.parametrize(
  'arguments',
  [
    ['evaluate', 'RUN'],
    ['attributes', 'RUN'],
    ['reconstruct', 'RUN'],
    ['interpolate', 'RUN', 'test:0', 'test:1'],
  ],
)
def test_commands_that_need_the_data_say_that_they_are_missing(
  moved, capsys, arguments
):
  arguments = [str(moved[0]) if word == 'RUN' else word for word in arguments]
  with pytest.raises(SystemExit):
    main(arguments)
  out, error = capsys.readouterr()
  assert out == ''
  assert error.count('\n') == 1
  assert error.startswith(
    f'error: the data that {moved[0]} was trained on are not available: '
  )
  assert 'before' in error
  assert 'which is not a folder' in error


def test_moved_images_are_given_by_data(moved, capsys):
  run, images = moved
  main(['evaluate', str(run), '--data', str(images), '--noise-draws', '1'])
  assert 'All bits/dim' in capsys.readouterr().out
