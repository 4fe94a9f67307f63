"""Tests of loading a data set, and of what is wrong with a configuration."""

import pytest

from tests.training.data.helpers import data_config
from training.data.facts import DataFacts
from training.data.load import load_dataset
from training.errors import UserError


def test_facts_of_a_data_set():
  facts = load_dataset(data_config()).facts
  assert (facts.name, facts.image_shape) == ('digits', (8, 8, 1))
  assert facts.label_names == tuple('0123456789')
  assert facts.license.startswith('CC BY 4.0')
  assert DataFacts.from_json(facts.to_json()) == facts


def test_description():
  assert load_dataset(data_config()).describe() == (
    'digits: 1617 training images of shape 8 x 8 x 1. Held out for testing: '
    '180.'
  )
  photos = load_dataset(data_config(name='photos'))
  assert photos.describe() == (
    'photographs: training images of shape 8 x 8 x 3. Held out for testing: '
    '1696.'
  )


@pytest.mark.parametrize(
  ('values', 'message'),
  [
    ({'name': 'photoes'}, r'did you mean photos\?'),
    ({'name': 'tfds'}, 'config.data.tfds_name is empty'),
    ({'name': 'folder', 'dir': '/no/such'}, 'which is not a folder'),
    ({'name': 'arrays', 'dir': '/no/such'}, 'give a .npy or .npz file'),
    ({'num_bits': 9}, 'config.data.num_bits is 9'),
    ({'image_size': 4}, 'at least 8 and at most 128 for the digits'),
    ({'name': 'photos', 'image_size': 200}, 'at most 128 for crops'),
    ({'test_fraction': 0.0}, 'it must be more than 0 and less than 1'),
    ({'test_fraction': 1e-4}, 'holds out 0 of 1797 images'),
    ({'crop': 8}, 'config.data.crop is 8; it must be less than'),
    ({'cache_mb': -1}, 'config.data.cache_mb is -1'),
    ({'name': 'folder', 'dir': '/', 'channels': 4}, 'channels is 4; images of'),
  ],
)
def test_bad_values_are_refused(values, message):
  with pytest.raises(UserError, match=message):
    load_dataset(data_config(**values))
