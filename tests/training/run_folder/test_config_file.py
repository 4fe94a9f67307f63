"""Tests of config.json, the configuration of a run."""

import json

import pytest

from tests.training import tiny
from training.configs.options import OPTIONS
from training.errors import UserError
from training.run_folder.config_file import (
  check_config,
  check_flow,
  facts,
  flat_dict,
  read_config,
  read_data_facts,
  write_config,
)

DATA = {
  'name': 'digits',
  'image_shape': [8, 8, 1],
  'label_names': ['0', '1'],
  'num_train': 100,
}


def test_config_is_written_and_read(tmp_path):
  config = tiny.get_config()
  write_config(config, tmp_path, DATA)
  assert read_config(tmp_path).to_dict() == config.to_dict()
  assert read_data_facts(tmp_path) == DATA
  written = json.loads((tmp_path / 'config.json').read_text())
  assert written['versions']['tensorflow'].startswith('2.')
  assert written['git_commit']


def test_run_of_an_earlier_version_has_no_data_facts(tmp_path):
  write_config(tiny.get_config(), tmp_path, DATA)
  path = tmp_path / 'config.json'
  content = json.loads(path.read_text())
  del content['data']
  path.write_text(json.dumps(content))
  assert read_data_facts(tmp_path) is None


def test_another_config_is_refused(tmp_path):
  write_config(tiny.get_config(), tmp_path, DATA)
  other = tiny.get_config()
  other.flow.depth = 8
  # Without a checkpoint and results nothing would be lost.
  assert check_config(other, tmp_path) == {}
  (tmp_path / 'saved_model').mkdir()
  with pytest.raises(UserError, match='depth 1 -> 8'):
    check_config(other, tmp_path)
  (tmp_path / 'saved_model').rmdir()
  (tmp_path / 'checkpoints' / 'step_000000002').mkdir(parents=True)
  assert check_config(tiny.get_config(), tmp_path) == {}
  longer = tiny.get_config()
  longer.train.num_steps = 99
  longer.train.learning_rate = 1e-4
  assert check_config(longer, tmp_path) == {
    'train.learning_rate': 'train.learning_rate 0.001 -> 0.0001',
    'train.num_steps': 'train.num_steps 6 -> 99',
  }
  with pytest.raises(UserError, match='depth 1 -> 8'):
    check_config(other, tmp_path)


def test_another_key_is_refused(tmp_path):
  """A key of a user's configuration is compared like all others."""
  write_config(tiny.get_config(), tmp_path, DATA)
  (tmp_path / 'saved_model').mkdir()
  other = tiny.get_config()
  other.flow.mask = 'raster'
  with pytest.raises(UserError, match=r"flow\.mask '\(none\)' -> 'raster'"):
    check_config(other, tmp_path)


@pytest.mark.parametrize(
  ('key', 'value', 'message'),
  [
    ('num_train', 99, 'num_train was 100 and is 99 now'),
    ('image_shape', (8, 8, 3), 'image_shape was .8, 8, 1. and is .8, 8, 3.'),
    ('label_names', None, 'label_names was .* and is None now'),
  ],
)
def test_other_data_are_refused(tmp_path, key, value, message):
  write_config(tiny.get_config(), tmp_path, DATA)
  (tmp_path / 'saved_model').mkdir()
  same = {**DATA, 'image_shape': (8, 8, 1), 'name': 'moved'}
  assert check_config(tiny.get_config(), tmp_path, same) == {}
  with pytest.raises(UserError, match=f'a run of other data: {message}'):
    check_config(tiny.get_config(), tmp_path, {**DATA, key: value})


def test_other_images_of_the_same_number_are_refused(tmp_path):
  before = {**DATA, 'digest': 'abc'}
  write_config(tiny.get_config(), tmp_path, before)
  (tmp_path / 'saved_model').mkdir()
  moved = tiny.get_config()
  moved.data.dir = '/elsewhere'
  assert list(check_config(moved, tmp_path, before)) == ['data.dir']
  assert (
    check_config(tiny.get_config(), tmp_path, {**DATA, 'digest': None}) == {}
  )
  with pytest.raises(UserError, match='as many images, but other ones'):
    check_config(moved, tmp_path, {**DATA, 'digest': 'def'})


@pytest.mark.parametrize(
  ('section', 'key', 'value', 'message'),
  [
    ('flow', None, None, "no section 'flow'"),
    ('flow', None, 3, "no section 'flow'"),
    ('data', 'image_size', 0, 'image_size is 0; it must be at least 1'),
    ('data', 'image_size', '8', "image_size is '8'; it must be of type int"),
    ('data', 'num_bits', 99, 'num_bits is 99'),
  ],
)
def test_edited_config_is_refused(tmp_path, section, key, value, message):
  write_config(tiny.get_config(), tmp_path, DATA)
  path = tmp_path / 'config.json'
  content = json.loads(path.read_text())
  if key is not None:
    content['config'][section][key] = value
  elif value is None:
    del content['config'][section]
  else:
    content['config'][section] = value
  path.write_text(json.dumps(content))
  with pytest.raises(UserError, match=message) as raised:
    read_config(tmp_path)
  assert str(path) in str(raised.value)


def test_values_that_an_earlier_version_did_not_write_have_their_defaults(
  tmp_path,
):
  config = tiny.get_config()
  write_config(config, tmp_path, DATA)
  (tmp_path / 'saved_model').mkdir()
  path = tmp_path / 'config.json'
  whole = path.read_text()
  values = flat_dict(config.to_dict())
  for key, option in OPTIONS.items():
    content = json.loads(whole)
    section, _, name = key.rpartition('.')
    del (content['config'][section] if section else content['config'])[name]
    path.write_text(json.dumps(content))
    found = flat_dict(read_config(tmp_path).to_dict())
    assert found == {**values, key: option.default}
    if values[key] == option.default:
      assert check_config(config, tmp_path) == {}


def test_values_that_an_earlier_version_did_not_write_are_compared(tmp_path):
  write_config(tiny.get_config(), tmp_path, DATA)
  (tmp_path / 'saved_model').mkdir()
  path = tmp_path / 'config.json'
  content = json.loads(path.read_text())
  for name in ('commit_every', 'noise_channels'):
    del content['config']['train'][name]
  path.write_text(json.dumps(content))
  config = tiny.get_config()
  config.train.commit_every = 5
  assert check_config(config, tmp_path) == {
    'train.commit_every': 'train.commit_every 10 -> 5'
  }
  config.train.noise_channels = 8
  with pytest.raises(UserError, match=r'\(train\.noise_channels 16 -> 8\)'):
    check_config(config, tmp_path)


def test_facts_that_an_earlier_version_did_not_write_are_not_compared(tmp_path):
  before = {key: DATA[key] for key in ('name', 'image_shape')}
  write_config(tiny.get_config(), tmp_path, before)
  (tmp_path / 'saved_model').mkdir()
  assert check_config(tiny.get_config(), tmp_path, DATA) == {}


def test_new_run_has_its_own_versions(tmp_path):
  write_config(tiny.get_config(), tmp_path, DATA)
  path = tmp_path / 'config.json'
  old = path.read_text()
  path.write_text(old.replace('"seed": 0', '"seed": 1').replace('2.', '1.'))
  write_config(tiny.get_config(), tmp_path, DATA)
  assert path.read_text() == old


def test_resumed_run_keeps_its_versions_and_gets_data_facts(tmp_path):
  path = tmp_path / 'config.json'
  write_config(tiny.get_config(), tmp_path, DATA)
  content = json.loads(path.read_text())
  content['versions'], content['git_commit'] = {'tensorflow': '1.0'}, 'old'
  del content['data']
  path.write_text(json.dumps(content))
  (tmp_path / 'saved_model').mkdir()
  config = tiny.get_config()
  config.train.num_steps = 99
  write_config(config, tmp_path, DATA)
  written = json.loads(path.read_text())
  assert (written['versions'], written['git_commit']) == (
    {'tensorflow': '1.0'},
    'old',
  )
  assert written['data'] == DATA
  assert written['config']['train']['num_steps'] == 99


def test_missing_and_damaged_config(tmp_path):
  with pytest.raises(UserError, match='holds no run'):
    read_config(tmp_path)
  for text in (
    '{"config": []}',
    '{"config": {}, "data": []}',
    '{',
    '[' * 10**5,
  ):
    (tmp_path / 'config.json').write_text(text)
    with pytest.raises(UserError, match='is not the configuration of a run'):
      read_config(tmp_path)


def test_folder_needs_a_run_or_a_saved_model(tmp_path):
  with pytest.raises(UserError, match='holds no run and no SavedModel'):
    check_flow(tmp_path)
  for name in ('config.json', 'saved_model.pb'):
    (tmp_path / name).write_text('')
    check_flow(tmp_path)
    (tmp_path / name).unlink()


def test_facts_of_a_worker_are_values_and_versions():
  found = facts(tiny.get_config())
  assert found['config.train.learning_rate'] == 1e-3
  assert found['tensorflow'].startswith('2.')


def test_flat_dict():
  values = {'a': {'b': 1, 'c': {'d': (2, 3)}}, 'e': None}
  assert flat_dict(values) == {'a.b': 1, 'a.c.d': [2, 3], 'e': None}
