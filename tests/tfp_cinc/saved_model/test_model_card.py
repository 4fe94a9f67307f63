"""Tests that changes of a model card or of files that it lists are found."""

import json

import pytest

from tfp_cinc.saved_model.model_card import read_model_card, write_model_card

CARD = {
  'format': 'tfp_cinc',
  'format_version': 3,
  'tfp_cinc_version': '0.1.0',
  'image_shape': [8, 8, 3],
  'num_bits': 8,
  'metrics': {'test_bits_per_dim': 1.1, 'pair': (1, 2)},
}


@pytest.fixture
def folder(tmp_path):
  """A folder of two files and a card."""
  (tmp_path / 'saved_model.pb').write_bytes(b'graph')
  (tmp_path / 'assets.extra').mkdir()
  (tmp_path / 'assets.extra' / 'latents.npz').write_bytes(b'levels')
  write_model_card(tmp_path, CARD)
  return tmp_path


def change(folder, **entries):
  """Changes entries of the card as an editor would."""
  path = folder / 'model_card.json'
  path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def refusal(folder):
  with pytest.raises(ValueError, match=str(folder)) as caught:
    read_model_card(folder)
  assert '\n' not in str(caught.value)
  return str(caught.value)


def test_card_is_read_and_more_files_are_allowed(folder):
  (folder / 'assets.extra' / 'tf_serving_warmup_requests').write_bytes(b'')
  card = read_model_card(folder)
  assert card['metrics'] == {'test_bits_per_dim': 1.1, 'pair': [1, 2]}
  assert set(card['files']) == {'saved_model.pb', 'assets.extra/latents.npz'}


def test_changed_or_missing_files_are_found(folder):
  path = folder / 'assets.extra' / 'latents.npz'
  path.write_bytes(b'LEVELS')
  assert f'{path} was damaged or changed after the export' in refusal(folder)
  path.unlink()
  assert f'{path}, a part of the SavedModel, cannot be read' in refusal(folder)


@pytest.mark.parametrize(
  'entries', [{'num_bits': 5}, {'files': {}}, {'data': 'x'}, {'sha256': None}]
)
def test_changed_cards_are_found(folder, entries):
  change(folder, **entries)
  assert 'model_card.json was changed after the export' in refusal(folder)


@pytest.mark.parametrize(
  ('entries', 'sentence'),
  [
    ({'format': 'other'}, 'belongs to another project'),
    ({'format_version': 4}, 'has the `format_version` 4'),
    ({'format_version': '1'}, "has the `format_version` '1'"),
    ({'format_version': True}, 'has the `format_version` True'),
    ({'image_shape': 'large'}, "has the `image_shape` 'large'; it must be"),
    ({'image_shape': [8, 8]}, 'has the `image_shape` [8, 8]; it must be'),
    ({'image_shape': [8, 8, 0]}, 'three positive integers'),
    ({'image_shape': [8, 8, 3.0]}, 'three positive integers'),
    ({'num_bits': 9}, 'has the `num_bits` 9; it must be an integer from 1 to'),
    ({'num_bits': '8'}, "has the `num_bits` '8'"),
    ({'num_bits': True}, 'has the `num_bits` True'),
    ({'noise_scale': -0.1}, 'has the `noise_scale` -0.1; it must be a number'),
    ({'noise_scale': None}, 'has the `noise_scale` None'),
    ({'num_bits': None}, 'has the `num_bits` None'),
    ({'condition': []}, 'has the `condition` [], which describes no condition'),
    ({'condition': {'kind': 'sound', 'shape': [2]}}, 'describes no condition'),
  ],
)
def test_values_of_another_type_or_range_are_found(folder, entries, sentence):
  change(folder, **entries)
  assert sentence in refusal(folder)


@pytest.mark.parametrize('text', ['[]', '3', '{"format": 1}'])
def test_cards_of_other_projects_are_found(folder, text):
  (folder / 'model_card.json').write_text(text)
  assert 'belongs to another project or an older version' in refusal(folder)


@pytest.mark.parametrize('text', ['', '{'])
def test_a_card_that_is_not_json_was_changed(folder, text):
  (folder / 'model_card.json').write_text(text)
  assert 'it was damaged or changed after the export' in refusal(folder)


def test_first_version_has_no_checksums(folder):
  path = folder / 'model_card.json'
  path.write_text(json.dumps({**CARD, 'format_version': 1}))
  assert read_model_card(folder)['num_bits'] == 8


def test_another_version_does_not_turn_the_checks_off(folder):
  change(folder, format_version=1, num_bits=5)
  assert 'was changed after the export' in refusal(folder)
