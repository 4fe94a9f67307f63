"""Trained flows in files."""

import json

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tfp_cinc import models
from tfp_cinc.variational_dequantization import (
  trainable_variational_dequantization,
)

# A shuffle is a Variable that is not trained.
ARGUMENTS = {'levels': 1, 'depth': 1, 'hidden_channels': 4, 'layers': 'shuffle'}
SHAPE = [4, 4, 2]
X = tf.random.stateless_uniform([3, *SHAPE], [0, 0]) - 0.5


@pytest.fixture
def flow():
  flow = models.cinc(SHAPE, seed=3, **ARGUMENTS)
  tfp_cinc.initialize_from_data(flow, X)
  return flow


@pytest.fixture
def noise():
  noise = trainable_variational_dequantization(SHAPE, hidden_channels=3, seed=4)
  for variable in noise.trainable_variables:
    variable.assign_add(0.1 * tf.ones_like(variable))
  return noise


@pytest.fixture
def path(flow, tmp_path):
  path = tmp_path / 'flow.npz'
  models.save(path, flow, 'cinc', ARGUMENTS)
  return path


def rewrite(path, change):
  """Changes the arrays of a file, with the card as a dict under 'card'."""
  with np.load(path) as file:
    arrays = dict(file)
  arrays['card'] = json.loads(str(arrays['card']))
  change(arrays)
  arrays['card'] = json.dumps(arrays['card'])
  np.savez(path, **arrays)


def test_a_saved_flow_is_the_same_with_its_noise(flow, noise, tmp_path):
  path = tmp_path / 'flow.npz'
  models.save(
    path,
    flow,
    'cinc',
    ARGUMENTS,
    num_bits=5,
    noise=noise,
    noise_arguments={'hidden_channels': 3},
    facts={'data': 'noise'},
  )
  np.testing.assert_array_equal(models.load(path).log_prob(X), flow.log_prob(X))
  images = tf.zeros([3, *SHAPE], tf.uint8)
  for found, expected in zip(
    models.load_noise(str(path)).dequantize(images, 5, seed=[0, 1]),
    noise.dequantize(images, 5, seed=[0, 1]),
    strict=True,
  ):
    np.testing.assert_array_equal(found, expected)
  card = models.card(path)
  assert (card['data'], card['model'], card['num_bits']) == ('noise', 'cinc', 5)
  assert card['image_shape'] == SHAPE


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'seed': 0}, "contains 'seed'; leave it out"),
    ({'dtype': tf.float32}, 'must be a JSON value'),
  ],
)
def test_arguments_that_a_card_cannot_hold(flow, path, arguments, message):
  with pytest.raises(ValueError, match=message):
    models.save(path, flow, 'cinc', {**ARGUMENTS, **arguments})
  with pytest.raises(ValueError, match='does not exist; make it first'):
    models.save(path.parent / 'none' / 'x.npz', flow, 'cinc', ARGUMENTS)


def test_uniform_noise_has_no_weights(path):
  with pytest.raises(ValueError, match='uniform noise'):
    models.load_noise(path)


def test_other_arguments_are_refused_and_the_old_file_stays(flow, path):
  before = path.read_bytes()
  with pytest.raises(ValueError, match='must be those that the flow'):
    models.save(path, flow, 'cinc', {**ARGUMENTS, 'depth': 2})
  assert path.read_bytes() == before
  with pytest.raises(ValueError, match='build another flow'):
    models.save(path, flow, 'cinc', {**ARGUMENTS, 'scale_function': 'exp'})
  assert path.read_bytes() == before
  with pytest.raises(ValueError, match=r'must end in \.npz'):
    models.save(path.with_suffix('.h5'), flow, 'cinc', ARGUMENTS)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    (lambda file: file.update(flow_0=file['flow_0'] + 1e-6), 'checksum'),
    (lambda file: file.pop('flow_1'), 'checksum'),
    (lambda file: file['card'].update(format_version=2), 'format 2; .*upgrade'),
    (lambda file: file['card'].pop('sha256'), 'damaged'),
    (lambda file: file['card'].update(model='glw'), "'glw'"),
    (lambda file: file['card']['arguments'].update(depth=2), 'arguments'),
  ],
)
def test_a_changed_file_is_refused(path, change, message):
  rewrite(path, change)
  with pytest.raises(ValueError, match=message):
    models.load(path)


@pytest.mark.parametrize('length', [0, 10, 0.5, 0.99])
def test_a_cut_file_is_refused(path, length):
  content = path.read_bytes()
  if length < 1:
    length = int(length * len(content))
  path.write_bytes(content[:length])
  with pytest.raises(ValueError, match='damaged'):
    models.load(path)


def test_nothing_in_a_file_is_executed(path):
  with np.load(path) as file:
    arrays = dict(file)
  arrays['flow_0'] = np.array([print], dtype=object)  # needs pickle
  np.savez(path, allow_pickle=True, **arrays)
  with pytest.raises(ValueError, match='damaged'):
    models.load(path)


def test_unknown_names_are_answered(tmp_path):
  with pytest.raises(ValueError, match=r"no trained flow 'cinc_digit'.*digits"):
    models.load('cinc_digit')
  with pytest.raises(ValueError, match='does not exist'):
    models.load(tmp_path / 'none.npz')


@pytest.mark.parametrize('name', models.pretrained_names())
def test_flows_of_the_package_load_and_say_what_they_are(name):
  flow, card = models.load(name), models.card(name)
  assert flow.event_shape == card['image_shape']
  for fact in ('data', 'data_license', 'metrics'):
    assert card[fact]
  assert np.all(np.isfinite(flow.sample(2, seed=[0, 1])))
