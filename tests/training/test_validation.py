"""Tests of the checks before anything is loaded or written."""

import importlib.machinery
import subprocess
import sys

import pytest

from tests.programs.processes import ROOT
from tests.training import tiny
from training.errors import UserError, did_you_mean
from training.validation import check_config_values


@pytest.fixture
def two_workers(monkeypatch):
  """Two workers, and a Horovod that is installed but never imported."""
  monkeypatch.setenv('HOROVOD_SIZE', '2')
  spec = importlib.machinery.ModuleSpec('horovod', None)
  monkeypatch.setattr('importlib.util.find_spec', lambda name: spec)


def test_valid_configuration_passes():
  check_config_values(tiny.get_config())


@pytest.mark.parametrize(
  ('section', 'values', 'message'),
  [
    ('train', {'num_steps': 0}, 'num_steps is 0; it must be at least 1'),
    ('data', {'name': 'folder', 'dir': 'none'}, 'which is not a folder'),
    ('data', {'name': 'arrays', 'dir': 'none'}, 'give a .npy or .npz file'),
    ('data', {'name': 'tfds'}, 'tfds_name is empty'),
  ],
)
def test_wrong_configuration_is_refused(section, values, message):
  config = tiny.get_config()
  config[section].update(values)
  with pytest.raises(UserError, match=message):
    check_config_values(config)


def test_low_resolution_needs_a_whole_number_of_blocks():
  config = tiny.get_config()
  config.data.low_resolution_factor = 3
  check_config_values(config)
  config.flow.condition = 'low_resolution'
  with pytest.raises(UserError, match=r'is 8; it must be divisible by .* 3'):
    check_config_values(config)


def with_batch(key, number):
  """Returns a configuration of images of 64x64 with a number of images."""
  section, name = key.split('.')
  config = tiny.get_config()
  config.data.image_size = 64
  config[section][name] = number
  return config


@pytest.mark.parametrize(
  'key', ['train.batch_size', 'train.init_images', 'eval.batch_size']
)
def test_batch_that_no_machine_can_hold_is_refused(key):
  check_config_values(with_batch(key, 43690))
  with pytest.raises(UserError, match=f'{key} is 43691 .* be at most 43690'):
    check_config_values(with_batch(key, 43691))


@pytest.mark.parametrize(
  ('name', 'message'),
  [
    ('cinc_digit', 'one of the trained flows of the package, .*cinc_digits'),
    ('none.npz', 'none.npz does not exist'),
  ],
)
def test_initial_weights_that_are_not_there_are_refused(name, message):
  config = tiny.get_config()
  config.train.initial_weights = name
  with pytest.raises(UserError, match=message):
    check_config_values(config)


@pytest.mark.usefixtures('two_workers')
def test_workers_share_a_batch():
  check_config_values(with_batch('train.batch_size', 2 * 43690))
  with pytest.raises(UserError, match='be at most 43690'):
    check_config_values(with_batch('eval.batch_size', 43691))


@pytest.mark.usefixtures('two_workers')
def test_several_workers_need_horovod_and_prepared_data(monkeypatch, tmp_path):
  config = tiny.get_config()
  check_config_values(config)
  config.data.update(name='tfds', tfds_name='mnist', dir=str(tmp_path))
  config.data.download = True
  # The workers would download into one folder at the same time.
  with pytest.raises(UserError, match='is not prepared'):
    check_config_values(config)
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  with pytest.raises(UserError, match=r'2 workers .* Horovod is not installed'):
    check_config_values(tiny.get_config())


def test_checks_need_no_tensorflow():
  code = (
    'import sys\n'
    'from training.configs.loading import load_config\n'
    'from training.validation import check_config_values\n'
    "check_config_values(load_config('cinc_photos'))\n"
    "sys.exit('tensorflow' in sys.modules)"
  )
  subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True)


def test_did_you_mean():
  assert did_you_mean('smple', ['sample', 'score']) == ' (did you mean sample?)'
  assert did_you_mean('xyz', ['sample', 'score']) == ''
