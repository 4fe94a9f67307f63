"""Tests of starting and resuming a run."""

import json
import shutil

import pytest

from tests.training import tiny
from training.data.facts import DataFacts
from training.errors import UserError
from training.loop.run import Run
from training.loop.train import train
from training.loop.workers import Workers
from training.run_folder.config_file import read_config, read_data_facts


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
