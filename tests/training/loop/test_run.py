"""Tests of starting and resuming a run."""

import json
import shutil

import numpy as np
import pytest

import tfp_cinc
from tests.training import tiny
from tests.training.data.helpers import random_image, save_image
from tests.training.png import write_png
from training.configs import cinc_digits
from training.data.facts import DataFacts
from training.errors import UserError
from training.loop.model import build_model
from training.loop.run import Run
from training.loop.train import train
from training.loop.workers import Workers
from training.run_folder.config_file import read_config, read_data_facts
from training.run_folder.status import read_status, set_activity


def test_building_a_run_writes_nothing(tmp_path):
  run = Run(tiny.get_config(), tmp_path / 'run', Workers())
  assert run.model.flow.event_shape == (8, 8, 1)
  assert list(tmp_path.iterdir()) == []


def test_start_writes_the_configuration_and_the_data_facts(tmp_path):
  config = tiny.get_config()
  run = Run(config, tmp_path, Workers())
  run.start()
  assert read_config(tmp_path).to_dict() == config.to_dict()
  found = DataFacts.from_json(read_data_facts(tmp_path))
  assert found == run.dataset.facts
  assert found.license.startswith('CC BY 4.0')


@pytest.mark.slow
def test_run_without_data_facts_is_resumed_and_gets_them(
  used, tmp_path, capsys
):
  """A run of an earlier version has no section 'data' in its config.json."""
  folder = shutil.copytree(used[0], tmp_path / 'run')
  path = folder / 'config.json'
  content = json.loads(path.read_text())
  facts = content.pop('data')
  path.write_text(json.dumps(content))
  config = read_config(folder)
  config.train.num_steps = 8
  train(config, str(folder))
  out = capsys.readouterr().out
  assert 'Resumed from step 6.' in out
  assert 'Resumed with train.num_steps 6 -> 8.' in out
  assert read_data_facts(folder) == facts
  assert json.loads(path.read_text())['versions'] == content['versions']


def test_run_of_another_configuration_is_not_resumed(used, tmp_path):
  folder = shutil.copytree(used[0], tmp_path / 'run')
  config = read_config(folder)
  config.seed = 1
  with pytest.raises(UserError, match='seed 0 -> 1'):
    train(config, str(folder))


def test_batch_and_learning_rate_follow_the_number_of_workers():
  config = tiny.get_config()
  config.train.scale_rule = 'per_worker'
  config.train.warmup_steps = 0
  workers = Workers()
  run = Run(config, '/nonexistent', workers)
  assert run.global_batch() == 8
  assert float(run.learning_rates()(0)) == pytest.approx(1e-3)
  workers.size = 3  # two workers have joined
  assert run.global_batch() == 24
  assert float(run.learning_rates()(0)) == pytest.approx(3e-3)


def test_position_in_the_data_is_restored(used):
  run = Run(read_config(used[0]), used[0], Workers())
  assert run.checkpoints.restore() == 6
  assert int(run.state.step) == 6
  assert int(run.state.examples) == 6 * 8


@pytest.mark.slow
def test_run_that_its_time_limit_ended_is_not_trained_further(tmp_path, capsys):
  config = tiny.get_config()
  config.train.deterministic = False
  config.train.max_minutes = 1e-4
  train(config, str(tmp_path))
  step = read_status(tmp_path)['step']
  assert 0 < step < config.train.num_steps
  assert f'max_minutes larger than {1e-4}' in capsys.readouterr().out
  train(config, str(tmp_path))
  assert read_status(tmp_path)['step'] == step
  config.train.max_minutes = 0.0
  train(config, str(tmp_path))
  assert read_status(tmp_path)['step'] == config.train.num_steps


@pytest.mark.slow
def test_run_is_resumed_with_its_images_in_another_folder(tmp_path, capsys):
  config = tiny.get_config()
  config.train.deterministic = False
  config.train.num_steps = 1
  config.data.name, config.data.channels = 'folder', 1
  config.data.dir = str(tmp_path / 'images')
  (tmp_path / 'images').mkdir()
  for i in range(20):
    pixels = np.full([8, 8, 1], 10 * i, np.uint8)
    write_png(tmp_path / 'images' / f'{i}.png', pixels)
  folder = tmp_path / 'run'
  train(config, str(folder))
  (tmp_path / 'images').rename(tmp_path / 'moved')
  config.data.dir = str(tmp_path / 'moved')
  config.train.num_steps = 2
  train(config, str(folder))
  assert 'Resumed from step 1.' in capsys.readouterr().out
  assert read_config(folder).data.dir == config.data.dir
  write_png(tmp_path / 'moved' / 'new.png', pixels)
  with pytest.raises(UserError, match='num_train was 18 and is 19'):
    train(config, str(folder))


def short_config(**values):
  """Returns a configuration whose training leaves no setting behind."""
  config = tiny.get_config()
  config.train.deterministic = False
  config.train.update(values)
  return config


def last_step(folder):
  return json.loads((folder / 'metrics.json').read_text())['step']


@pytest.mark.parametrize(
  ('changes', 'has_ended'),
  [
    ({}, True),
    ({'learning_rate': 1e-4}, True),
    ({'num_steps': 8}, False),
    ({'max_minutes': 5.0}, False),
  ],
)
def test_finished_run_ends_at_once_unless_it_gets_more_steps_or_time(
  used, tmp_path, changes, has_ended
):
  folder = shutil.copytree(used[0], tmp_path / 'run')
  config = read_config(folder)
  config.train.update(changes)
  run = Run(config, folder, Workers())
  assert not run.has_ended
  run.start()
  assert run.has_ended == has_ended


def test_status_says_what_is_done_at_the_end(used, tmp_path, monkeypatch):
  """Also if the process was killed there before."""
  folder = shutil.copytree(used[0], tmp_path / 'run')
  set_activity(folder, 'evaluating and exporting')
  Run(read_config(folder), folder, Workers()).start()
  assert read_status(folder)['activity'] == 'training'
  seen = []
  monkeypatch.setattr(
    'training.loop.results.write',
    lambda run: seen.append(read_status(run.folder)['activity']),
  )
  train(read_config(folder), str(folder))
  assert seen == ['evaluating and exporting']


@pytest.mark.slow
def test_run_that_its_time_limit_ended_is_trained_again_only_with_more_time(
  tmp_path, capsys
):
  config = short_config(max_minutes=1e-9)
  train(config, str(tmp_path))
  assert last_step(tmp_path) == 1  # the limit is checked at each step
  train(config, str(tmp_path))
  assert 'Resumed from step 1.' in capsys.readouterr().out
  assert last_step(tmp_path) == 1
  train(short_config(max_minutes=0.0, num_steps=3), str(tmp_path))
  assert last_step(tmp_path) == 3


@pytest.mark.slow
def test_run_of_other_data_is_not_resumed(tmp_path):
  images, folder = tmp_path / 'images', tmp_path / 'run'
  for number in range(20):
    save_image(images / f'{number}.png', random_image(number))
  config = short_config(num_steps=2)
  config.data.update(name='folder', dir=str(images))
  train(config, str(folder))
  save_image(images / 'new.png', random_image(99))
  with pytest.raises(UserError, match='num_train was 18 and is 19 now'):
    train(config, str(folder))


def test_a_run_starts_from_trained_weights(tmp_path, capsys):
  config = cinc_digits.get_config()
  config.train.initial_weights = 'cinc_digits'
  run = Run(config, tmp_path, Workers())
  run.start()
  assert_same(run.model.flow, tfp_cinc.models.load('cinc_digits'))
  assert 'Started from the weights of cinc_digits.' in capsys.readouterr().out


@pytest.mark.parametrize(
  ('key', 'value', 'difference'),
  [
    ('flow.depth', 1, r'depth=4 \(here 1\)'),
    ('flow.padding', 'in_turn', r"padding=the default \(here 'in_turn'\)"),
    (
      'data.image_size',
      8,
      r'image shape=\[16, 16, 1\] \(here \[8, 8, 1\]\)',
    ),
  ],
)
def test_weights_of_another_flow_are_refused(tmp_path, key, value, difference):
  config = cinc_digits.get_config()
  config.train.initial_weights = 'cinc_digits'
  config.update_from_flattened_dict({key: value})
  run = Run(config, tmp_path, Workers())
  with pytest.raises(UserError, match=f'a flow with {difference}; they must'):
    run.start()


def test_a_run_starts_from_trained_noise(tmp_path):
  config = tiny.get_config()
  config.train.dequantization = 'variational'
  trained = build_model(config, [8, 8, 1])
  path = tmp_path / 'flow.npz'
  arguments = {k: v for k, v in config.flow.to_dict().items() if v is not None}
  del arguments['name'], arguments['condition']
  tfp_cinc.models.save(
    path,
    trained.flow,
    config.flow.name,
    arguments,
    noise=trained.noise,
    noise_arguments={'hidden_channels': config.train.noise_channels},
  )
  config.seed = 1  # other initial weights
  config.train.initial_weights = str(path)
  run = Run(config, tmp_path / 'run', Workers())
  run.start()
  assert_same(run.model.flow, trained.flow)
  assert_same(run.model.noise, trained.noise)
  config.train.noise_channels += 1
  run = Run(config, tmp_path / 'other', Workers())
  with pytest.raises(UserError, match='learned noise has 16 channels'):
    run.start()


def assert_same(module, other):
  """Asserts that two modules have the same weights."""
  for ours, theirs in zip(module.variables, other.variables, strict=True):
    np.testing.assert_array_equal(ours, theirs)
