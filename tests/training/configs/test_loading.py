"""Tests of configurations by name or by file, and of overrides."""

import os

import ml_collections
import pytest

from training.configs.loading import config_names, load_config, override
from training.configs.options import check_values, default_config
from training.errors import UserError
from training.loop.model import build_flow
from training.run_folder.config_file import flat_dict

USER_CONFIG = """
from training.configs.base import get_photos_config


def get_config():
  config = get_photos_config('cinc')
  config.flow.levels = 1
  config.flow.mask = 'raster'
  config.flow.sizes = (1, 2)
  config.train.learning_rate = 5e-3
  return config
"""


@pytest.fixture
def user_file(tmp_path):
  """A configuration of a user, with values that the table does not have."""
  path = tmp_path / 'mine.py'
  path.write_text(USER_CONFIG)
  return path


def test_names_are_those_of_all_files():
  names = config_names()
  assert names == sorted(names)
  assert {'cinc_photos', 'ffjord_digits', 'cinc_cifar10', 'nice_mnist'} <= {
    *names
  }
  assert not {'base', 'options', 'loading', 'smoke', 'recipes'} & {*names}


@pytest.mark.parametrize('name', config_names())
def test_every_configuration_has_valid_values_of_the_table(name):
  config = load_config(name)
  check_values(config)
  default = flat_dict(default_config().to_dict())
  assert flat_dict(config.to_dict()).keys() == default.keys()


def test_loading_twice_gives_independent_configurations():
  first, second = load_config('cinc_photos'), load_config('cinc_photos')
  first.train.num_steps = 1
  assert second.train.num_steps != 1


def test_path_within_the_package_is_a_name():
  by_path = load_config('training/configs/cinc_photos.py')
  assert by_path.to_dict() == load_config('cinc_photos').to_dict()
  by_path = load_config('training/configs/papers/nice_mnist.py')
  assert by_path.to_dict() == load_config('nice_mnist').to_dict()


@pytest.mark.parametrize(
  ('name', 'right'),
  [('cinc_photo', 'cinc_photos'), ('glow_cifar', 'glow_cifar10')],
)
def test_unknown_name_is_refused_with_the_nearest_one(name, right):
  with pytest.raises(UserError, match=rf'{name}. \(did you mean {right}\?\)'):
    load_config(name)


def test_unlike_name_is_refused_without_a_guess():
  with pytest.raises(UserError, match="no configuration 'xyz'; give one of"):
    load_config('xyz')


@pytest.mark.parametrize(
  ('content', 'reason'),
  [
    ('x = 1', 'KeyError'),
    ('def get_config(:', 'SyntaxError'),
    ('import no_such_module', 'ModuleNotFoundError'),
    ('def get_config(): return 1 / 0', 'ZeroDivisionError'),
  ],
)
def test_file_that_is_not_a_configuration(tmp_path, content, reason):
  path = tmp_path / 'wrong.py'
  path.write_text(content)
  with pytest.raises(UserError, match=rf'wrong\.py is not a conf.*{reason}'):
    load_config(str(path))
  with pytest.raises(UserError, match=r'none\.py is not a configuration'):
    load_config(str(tmp_path / 'none.py'))


def test_pipe_is_refused_at_once(tmp_path):
  path = tmp_path / 'mine.py'
  os.mkfifo(path)
  with pytest.raises(UserError, match=r'mine\.py is not a file; give a Python'):
    load_config(str(path))


def test_config_of_a_user_is_loaded_by_its_path(user_file):
  config = load_config(str(user_file))
  assert config.train.learning_rate == 5e-3
  check_values(config)


def test_further_value_of_a_user_is_overridden(user_file):
  config = load_config(str(user_file))
  override(config, [('flow.mask', 'nested'), ('flow.levels', '2')])
  assert (config.flow.mask, config.flow.levels) == ('nested', 2)
  with pytest.raises(UserError, match=r'flow\.sizes is a tuple, which cannot'):
    override(config, [('flow.sizes', '1,2')])


def test_further_value_of_a_user_goes_to_the_flow():
  config = load_config('cinc_photos')
  config.flow.glue = 1
  with pytest.raises(UserError, match=r"\['glue'\], which the flow 'cinc' doe"):
    build_flow(config, [8, 8, 3])
  del config.flow.glue
  config.flow.update(levels=1, depth=1, hidden_channels=4, name='emerging')
  # An argument of the flow that the table does not have.
  config.flow.dtype = 'float64'
  assert build_flow(config, [8, 8, 3]).dtype == 'float64'


def test_placeholder_of_a_user_is_overridden():
  config = default_config()
  config.flow.width = ml_collections.config_dict.placeholder(int)
  override(config, [('flow.width', '3')])
  assert config.flow.width == 3


def test_overrides_have_the_type_of_their_value():
  config = default_config()
  override(
    config,
    [
      ('seed', '3'),
      ('data.flip', 'false'),
      ('flow.depth', '8'),
      ('train.learning_rate', '1e-4'),
      ('train.num_steps', '1'),
      ('train.num_steps', '2'),
    ],
  )
  assert (config.seed, config.data.flip, config.flow.depth) == (3, False, 8)
  assert (config.train.learning_rate, config.train.num_steps) == (1e-4, 2)


@pytest.mark.parametrize(
  ('key', 'message'),
  [
    ('flow.dept', r'--config\.flow\.dept \(did you mean --config\.flow\.dept'),
    ('optimizer', r'no option --config\.optimizer'),
    ('train', r'no option --config\.train'),
    ('train.x.y', r'no option --config\.train\.x\.y'),
    ('model.depth', r'--config\.model\.depth'),
  ],
)
def test_unknown_key_is_refused(key, message):
  with pytest.raises(UserError, match=message):
    override(default_config(), [(key, '1')])
