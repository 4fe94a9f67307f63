"""Tests of the command that trains an existing run again."""

import json
import shlex
import shutil

import pytest

from benchmarks.bits_per_dim.exactness.training_command import training_command
from training import commands
from training.errors import UserError
from training.run_folder.config_file import flat_dict, read_config

pytestmark = pytest.mark.slow


def test_command_gives_the_configuration_of_the_run(gaussian, monkeypatch):
  calls = []
  monkeypatch.setattr(
    'training.loop.train.train', lambda *arguments: calls.append(arguments)
  )
  program, *arguments = shlex.split(training_command(str(gaussian)))
  assert program == 'tfp-cinc'
  assert arguments[:2] == ['train', '--config']
  commands.main(arguments)
  [(config, folder)] = calls
  assert folder == str(gaussian)
  expected = read_config(gaussian)
  assert flat_dict(config.to_dict()) == flat_dict(expected.to_dict())


def test_command_starts_as_many_workers_as_the_run(gaussian, tmp_path):
  for name in ('config.json', 'metrics.json'):
    shutil.copy(gaussian / name, tmp_path)
  single = training_command(str(tmp_path))
  metrics = json.loads((tmp_path / 'metrics.json').read_text())
  (tmp_path / 'metrics.json').write_text(json.dumps(metrics | {'workers': 2}))
  assert training_command(str(tmp_path)) == 'horovodrun --gloo -np 2 ' + single
  (tmp_path / 'metrics.json').unlink()
  assert training_command(str(tmp_path)) == single


def test_configuration_of_other_code_has_no_command(gaussian, tmp_path):
  content = json.loads((gaussian / 'config.json').read_text())
  content['config']['flow']['glue'] = 1
  (tmp_path / 'config.json').write_text(json.dumps(content))
  with pytest.raises(UserError, match='made by other code'):
    training_command(str(tmp_path))
