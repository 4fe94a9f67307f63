"""Tests of SavedModels that cannot be used, or only in part."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tfp_cinc.latents import AttributeDirections
from tfp_cinc.saved_model.model_card import read_model_card, write_model_card
from training.errors import UserError
from training.trained import open_flow


@pytest.fixture
def model(used, tmp_path):
  """A copy of the SavedModel."""
  return shutil.copytree(used[1], tmp_path / 'model')


def seal(model, **changes):
  """Makes a changed model one that was exported in this way."""
  content = json.loads((model / 'model_card.json').read_text())
  for key in ('files', 'sha256'):
    del content[key]
  write_model_card(model, {**content, **changes})


def refusal(path):
  with pytest.raises(UserError) as caught:
    open_flow(path)
  assert '\n' not in str(caught.value)
  assert str(path) in str(caught.value)
  return str(caught.value)


def test_model_in_float64_is_refused(tmp_path):
  flow = tfp_cinc.models.glow(
    [4, 4, 1], levels=1, depth=1, hidden_channels=2, dtype=tf.float64
  )
  images = np.arange(32, dtype=np.uint8).reshape([2, 4, 4, 1])
  tfp_cinc.initialize_from_data(
    flow, tf.cast(tfp_cinc.dequantize(images, seed=0), tf.float64)
  )
  tfp_cinc.export_saved_model(flow, tmp_path / 'model', [4, 4, 1])
  assert 'is a flow in float64' in refusal(tmp_path / 'model')


def test_model_of_another_project_is_refused(tmp_path):
  module = tf.Module()
  module.f = tf.function(lambda x: x, input_signature=[tf.TensorSpec([])])
  tf.saved_model.save(module, str(tmp_path / 'other'))
  assert 'belongs to another project or an older version' in refusal(
    tmp_path / 'other'
  )


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'format': 'other'}, 'belongs to another project'),
    ({'format_version': 4}, 'has the `format_version` 4'),
    ({'format_version': '1'}, "has the `format_version` '1'"),
    ({'image_shape': 'large'}, "has the `image_shape` 'large'"),
    ({'num_bits': 5}, 'was changed after the export'),
  ],
)
def test_wrong_model_card_is_refused(model, change, message):
  path = model / 'model_card.json'
  path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
  assert message in refusal(model)


def test_damaged_model_is_refused(model):
  for name in (
    'assets.extra/latents.npz',
    'assets.extra/directions.npz',
    'variables/variables.index',
    'saved_model.pb',
  ):
    path = model / name
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    assert f'{path} was damaged or changed' in refusal(model)
    path.write_bytes(content)
  (model / 'model_card.json').unlink()
  assert 'an older version' in refusal(model)


@pytest.mark.slow
def test_wrong_parts_are_refused_without_checksums(model):
  """The first version of the format had none."""
  latents = model / 'assets.extra' / 'latents.npz'
  levels = np.load(latents)['levels']
  for wrong in (levels[:5], levels - 1, levels.astype(float)):
    np.savez(latents, levels=wrong)
    seal(model, format_version=1)
    assert 'they must be 64 integers from 0' in refusal(model)
  np.savez(latents, levels=levels)
  directions = model / 'assets.extra' / 'directions.npz'
  directions.write_bytes(directions.read_bytes()[:100])
  seal(model, format_version=1)
  flow = open_flow(model)
  assert flow.sample(1).shape == (1, 8, 8, 1)
  with pytest.raises(UserError, match=r'directions\.npz'):
    flow.directions  # noqa: B018
  (model / 'saved_model.pb').write_bytes(b'none')
  seal(model, format_version=1)
  assert 'cannot be loaded' in refusal(model)


def test_directions_of_other_weights_are_refused(model):
  path = model / 'assets.extra' / 'directions.npz'
  found = AttributeDirections.load(path)
  assert found.weights == read_model_card(model)['weights']
  dataclasses.replace(found, weights='0' * 64).save(path)
  seal(model)
  with pytest.raises(UserError, match='learned with other weights'):
    open_flow(model).directions  # noqa: B018


def test_model_without_configuration_has_no_data(model):
  (model / 'assets.extra' / 'config.json').unlink()
  seal(model)
  flow = open_flow(model)
  assert flow.dataset is None
  assert flow.test_images is None
  assert flow.test_labels is None


def test_folder_of_nothing_is_refused(tmp_path):
  for path in (tmp_path, tmp_path / 'none'):
    assert 'holds no run and no SavedModel' in refusal(path)


def test_model_of_a_run_without_data_facts_has_no_label_names(model):
  path = model / 'assets.extra' / 'config.json'
  content = json.loads(path.read_text())
  del content['data']
  path.write_text(json.dumps(content))
  seal(model)
  flow = open_flow(model)
  assert flow.label_names is None
  assert (flow.name, flow.image_shape) == ('digits', (8, 8, 1))
