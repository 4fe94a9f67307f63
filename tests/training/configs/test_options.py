"""Tests of the table of all values of a configuration."""

import math

import ml_collections
import pytest

from training.configs.options import (
  OPTIONS,
  Option,
  check_section,
  check_values,
  default_config,
)
from training.errors import UserError
from training.run_folder.config_file import flat_dict

BOUNDED = [option for option in OPTIONS.values() if option.bounds]
CHOICES = [option for option in OPTIONS.values() if option.choices]


def with_value(key, value):
  """Returns the default configuration with one other value."""
  config = default_config()
  section, _, name = key.rpartition('.')
  (config[section] if section else config)[name] = value
  return config


def neighbor(option, bound, above):
  """Returns the next value of the type of an option above or below a bound."""
  if option.type is int:
    return bound + (1 if above else -1)
  return math.nextafter(bound, math.inf if above else -math.inf)


def values_out_of_range(option):
  """Returns the values nearest to the bounds that they break."""
  return [
    *(
      [] if option.at_least is None else [neighbor(option, option.at_least, 0)]
    ),
    *([] if option.more_than is None else [option.more_than]),
    *([] if option.at_most is None else [neighbor(option, option.at_most, 1)]),
    *([] if option.less_than is None else [option.less_than]),
  ]


def values_in_range(option):
  """Returns the values nearest to the bounds that they keep."""
  return [
    *([] if option.at_least is None else [option.at_least]),
    *(
      []
      if option.more_than is None
      else [neighbor(option, option.more_than, 1)]
    ),
    *([] if option.at_most is None else [option.at_most]),
    *(
      []
      if option.less_than is None
      else [neighbor(option, option.less_than, 0)]
    ),
  ]


def test_default_configuration_has_exactly_the_values_of_the_table():
  values = flat_dict(default_config().to_dict())
  assert values == {key: option.default for key, option in OPTIONS.items()}
  assert len(OPTIONS) > 50


def test_every_default_is_valid():
  check_values(default_config())
  for option in OPTIONS.values():
    option.check(option.default)
    if option.default is not None:
      assert type(option.default) is option.type, option.key
      assert option.parse(str(option.default)) == option.default


@pytest.mark.parametrize('option', OPTIONS.values(), ids=lambda x: x.key)
def test_help_is_a_phrase_without_period(option):
  assert option.help
  assert not option.help.endswith('.')
  assert '  ' not in option.help


@pytest.mark.parametrize('option', BOUNDED, ids=lambda x: x.key)
def test_value_out_of_range_is_refused(option):
  for value in values_out_of_range(option):
    with pytest.raises(UserError) as raised:
      check_values(with_value(option.key, option.type(value)))
    assert str(raised.value) == (
      f'config.{option.key} is {option.type(value)}; it must be '
      f'{option.bounds}.'
    )
  for value in values_in_range(option):
    option.check(option.type(value))


def test_bounds_are_words():
  option = Option('k', float, 0.5, 'Help', at_least=0, less_than=1)
  assert option.bounds == 'at least 0 and less than 1'
  option = Option('k', int, 2, 'Help', more_than=1, at_most=8)
  assert option.bounds == 'more than 1 and at most 8'
  assert Option('k', float, 0.5, 'Help').bounds == ''


def test_each_kind_of_bound_is_tested():
  names = ('at_least', 'more_than', 'at_most', 'less_than')
  for name in names:
    assert any(getattr(option, name) is not None for option in BOUNDED), name


@pytest.mark.parametrize('option', CHOICES, ids=lambda x: x.key)
def test_unknown_choice_is_refused_with_the_nearest_one(option):
  option.check(option.choices[0])
  for choice in filter(None, option.choices):
    option.check(choice)
    wrong = choice[:-1] + 'e' if choice[-1] != 'e' else choice[:-1]
    with pytest.raises(UserError) as raised:
      check_values(with_value(option.key, wrong))
    message = str(raised.value)
    assert message.startswith(
      f'config.{option.key} is {wrong!r}; it must be one of '
      f'{list(option.choices)}'
    )
    assert f'(did you mean {choice}?).' in message


@pytest.mark.parametrize(
  ('key', 'wrong', 'right'),
  [
    ('data.name', 'photoes', 'photos'),
    ('train.optimizer', 'adammax', 'adamax'),
    ('train.schedule', 'cosin', 'cosine'),
    ('train.scale_rule', 'per_workers', 'per_worker'),
    ('train.dequantization', 'variationel', 'variational'),
    ('flow.memory', 'reversable', 'reversible'),
    ('flow.condition', 'labels', 'label'),
  ],
)
def test_misspelled_choice(key, wrong, right):
  section, _, _ = key.rpartition('.')
  config = with_value(key, wrong)
  with pytest.raises(UserError, match=rf'\(did you mean {right}\?\)'):
    check_section(section, config[section])


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_number_that_is_not_finite_is_refused(value):
  for option in OPTIONS.values():
    if option.type is float:
      with pytest.raises(UserError, match=f'{option.key} is {value}'):
        option.check(value)
  option = Option('k', float, 0.5, 'Help')
  with pytest.raises(UserError, match='it must be a finite number'):
    option.check(value)


def test_crop_must_be_less_than_the_image():
  config = default_config()
  config.data.image_size, config.data.crop = 8, 7
  check_values(config)
  config.data.crop = 8
  with pytest.raises(UserError, match=r'crop is 8; .* config\.data\.image_siz'):
    check_values(config)


def test_flow_values_are_left_to_the_flow_by_default():
  for key, option in OPTIONS.items():
    own = ('flow.name', 'flow.condition')
    if key.startswith('flow.') and key not in own:
      assert option.default is None
  config = default_config()
  config.flow.levels = 0
  with pytest.raises(UserError, match=r'flow\.levels is 0; it must be at leas'):
    check_values(config)


def test_section_may_have_further_values():
  section = ml_collections.ConfigDict(default_config().flow.to_dict())
  section.mask = 'raster'
  check_section('flow', section)


@pytest.mark.parametrize(
  ('key', 'text', 'value'),
  [
    ('train.num_steps', '12', 12),
    ('train.learning_rate', '1e-3', 1e-3),
    ('data.flip', 'False', False),
    ('data.flip', 'true', True),
    ('flow.name', 'glow', 'glow'),
    ('data.dir', '', ''),
  ],
)
def test_text_of_a_command_line_is_parsed(key, text, value):
  parsed = OPTIONS[key].parse(text)
  assert parsed == value
  assert type(parsed) is type(value)


@pytest.mark.parametrize(
  ('key', 'text', 'message'),
  [
    ('train.num_steps', '1.5', "is '1.5'; it must be a whole number."),
    ('train.num_steps', '', "is ''; it must be a whole number."),
    ('train.num_steps', '0', 'is 0; it must be at least 1 and at most 1,000'),
    ('data.image_size', '100000', 'is 100000; it must be at least 1 and at'),
    ('train.learning_rate', 'high', "is 'high'; it must be a number, with a"),
    (
      'train.learning_rate',
      'nan',
      'is nan; it must be a finite number that is',
    ),
    (
      'train.learning_rate',
      'inf',
      'is inf; it must be a finite number that is',
    ),
    ('data.test_fraction', 'nan', 'is nan; it must be a finite number that is'),
    (
      'train.learning_rate',
      '0,01',
      "is '0,01'; it must be a number, with a decimal",
    ),
    ('data.flip', 'maybe', "is 'maybe'; it must be True or False."),
  ],
)
def test_wrong_text_of_a_command_line_is_refused(key, text, message):
  with pytest.raises(UserError) as raised:
    OPTIONS[key].parse(text)
  assert str(raised.value).startswith(f'config.{key} {message}')


def test_every_number_of_work_has_an_upper_limit():
  """So that a slip of the keyboard does not run for minutes."""
  for option in OPTIONS.values():
    if option.type in (int, float):
      assert option.at_most is not None or option.less_than is not None


@pytest.mark.parametrize(
  ('key', 'value', 'kind'),
  [
    ('data.image_size', '32', 'int'),
    ('train.num_steps', 1.5, 'int'),
    ('train.learning_rate', True, 'float'),
    ('data.flip', 1, 'bool'),
    ('data.name', None, 'str'),
  ],
)
def test_value_of_another_type_is_refused(key, value, kind):
  with pytest.raises(
    UserError, match=f'{key} is .*; it must be of type {kind}'
  ):
    OPTIONS[key].check(value)


def test_missing_section_and_value_are_named():
  config = default_config()
  del config.flow
  with pytest.raises(UserError, match="no section 'flow'"):
    check_values(config)
  config = default_config()
  del config.train.num_steps
  with pytest.raises(UserError, match=r'config\.train\.num_steps is missing'):
    check_values(config)
