"""Exported conditional flows."""

import functools
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tests.tfp_cinc.saved_model.comparison import (
  assert_same_pixels,
  file_results,
)
from tfp_cinc import ConditionInput, given, latents
from tfp_cinc.latents import AttributeDirections
from tfp_cinc.saved_model import fixed_noise
from tfp_cinc.variational_dequantization import (
  trainable_variational_dequantization,
)

SHAPE = [4, 4, 3]
N = 3
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, [2 * N, *SHAPE], np.uint8)
CONDITIONS = {
  'label': ConditionInput(
    'label', [4], ['cat', 'dog', 'fox', 'owl'], optional=True
  ),
  'values': ConditionInput('values', [4, 4, 2]),
  'low_resolution': ConditionInput('low_resolution', [2, 2, 3]),
  'mask': ConditionInput('mask', [4, 4, 4]),
}
# The inputs of N conditions of each kind.
INPUTS = {
  'label': {'labels': np.int32([3, 0, 1])},
  'values': {'condition': RNG.normal(size=[N, 4, 4, 2]).astype(np.float32)},
  'low_resolution': {'low_resolution': IMAGES[:N, ::2, ::2]},
  'mask': {
    'known': IMAGES[:N],
    'mask': RNG.integers(0, 2, [N, 4, 4, 1], np.uint8),
  },
}
OTHERS = {
  'log_prob': {'images': IMAGES[:N]},
  'log_prob_values': {
    'values': tfp_cinc.dequantize(IMAGES[:N], noise=0.25).numpy()
  },
  'learned_noise': {
    'values': tfp_cinc.dequantize(IMAGES[:N], noise=fixed_noise(SHAPE)).numpy()
  },
  'encode': {'images': IMAGES[:N]},
  'decode': {'latents': RNG.normal(size=[N, 48]).astype(np.float32)},
  'sample': {'temperature': np.float32(0.7), 'seed': np.int32([1, 2])},
  'sample_guided': {
    'temperature': np.float32(0.7),
    'guidance': np.float32(2.0),
    'seed': np.int32([1, 2]),
  },
  'interpolate': {
    'first': IMAGES[:N],
    'second': IMAGES[N:],
    'steps': np.int32(4),
    'method': np.array('linear'),
  },
  'manipulate': {
    'images': IMAGES[:N],
    'attribute': np.array('Old'),
    'strengths': np.float32([-1.0, 1.0]),
  },
}
# Learned noise, with which some of the flows are exported.
NOISES = {
  kind: trainable_variational_dequantization(
    SHAPE, hidden_channels=4, condition_channels=channels, seed=0
  )
  for kind, channels in (('label', 4), ('low_resolution', 3))
}
CLIENT = """
import json
import sys
for name in ('tensorflow_probability', 'tf_keras', 'tfp_cinc'):
  sys.modules[name] = None  # importing it fails
import numpy as np
import tensorflow as tf
inputs, results = dict(np.load(sys.argv[1])), {}
for kind, path in zip(sys.argv[3::2], sys.argv[4::2]):
  signatures = tf.saved_model.load(path).signatures
  for name, signature in signatures.items():
    own = {}
    for key in signature.structured_input_signature[1]:
      array = inputs[f'{kind}/{name.removesuffix("_bytes")}/'
                     f'{key.removesuffix("_bytes")}']
      value = tf.constant(array)
      own[key] = tf.map_fn(
        tf.io.encode_png, value, fn_output_signature=tf.string
      ) if key.endswith('_bytes') else value
    for key, value in signature(**own).items():
      if value.dtype == tf.string:
        files = [tf.io.decode_png(file) for file in tf.reshape(value, [-1])]
        value = np.reshape(files, [*value.shape, *files[0].shape])
      results[f'{kind}/{name}/{key}'] = value
np.savez(sys.argv[2], **results)
"""


@pytest.fixture(scope='module')
def served(tmp_path_factory):
  """Returns (flow, path of its SavedModel) for each kind of condition."""
  folder = tmp_path_factory.mktemp('served')

  @functools.cache
  def serve(kind):
    condition = CONDITIONS[kind]
    flow = tfp_cinc.models.glow(
      SHAPE,
      levels=2,
      depth=1,
      hidden_channels=4,
      condition_channels=condition.shape[-1],
      seed=0,
    )
    values = tfp_cinc.dequantize(IMAGES[:N], seed=0)
    tfp_cinc.initialize_from_data(flow, values, tensor_of(kind))
    rng = np.random.default_rng(1)
    noise = NOISES.get(kind)
    trained = [] if noise is None else noise.trainable_variables
    for variable in (*flow.trainable_variables, *trained):
      variable.assign_add(0.1 * rng.normal(size=variable.shape))
    directions = AttributeDirections(
      ['Old'], 0.1 * rng.normal(size=[1, 48]), 'correlation'
    )
    path = folder / kind
    tfp_cinc.export_saved_model(
      flow,
      path,
      SHAPE,
      condition=condition,
      directions=directions,
      noise=noise,
    )
    return flow, path

  return serve


def tensor_of(kind, order=1):
  """Returns the condition of a kind, in the order 1 or -1 of its images."""
  inputs = {key: tf.constant(x[::order]) for key, x in INPUTS[kind].items()}
  return CONDITIONS[kind].tensor(inputs)


@pytest.fixture(scope='module')
def results(served, tmp_path_factory):
  """Returns the outputs of all signatures in a client with only TensorFlow."""
  folder = tmp_path_factory.mktemp('client')
  (folder / 'client.py').write_text(CLIENT)
  np.savez(
    folder / 'in.npz',
    **{
      f'{kind}/{name}/{key}': value
      for kind in CONDITIONS
      for name in OTHERS
      for key, value in {**OTHERS[name], **INPUTS[kind]}.items()
    },
  )
  paths = [word for kind in CONDITIONS for word in (kind, served(kind)[1])]
  result = subprocess.run(
    [sys.executable, 'client.py', 'in.npz', 'out.npz', *paths],
    cwd=folder,
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 0, result.stderr
  return dict(np.load(folder / 'out.npz'))


@pytest.mark.slow
@pytest.mark.parametrize('kind', CONDITIONS)
def test_signatures_are_those_of_the_flow(served, results, kind):
  flow = given(served(kind)[0], tensor_of(kind))
  noisy = tfp_cinc.dequantize(IMAGES[:N], noise=fixed_noise(SHAPE))
  middle = tfp_cinc.dequantize(IMAGES, noise=0.5)
  for name, values in (
    ('log_prob', noisy),
    ('log_prob_values', OTHERS['log_prob_values']['values']),
  ):
    log_q = 0.0
    if kind in NOISES and name == 'log_prob':
      noise = given(NOISES[kind], tensor_of(kind))
      values, log_q = noise.replace_uniform(values)
      found = results[f'{kind}/learned_noise/values']
      np.testing.assert_allclose(found, values, atol=1e-5)
      found = results[f'{kind}/learned_noise/log_q']
      np.testing.assert_allclose(found, log_q, rtol=1e-5, atol=1e-5)
    log_prob = flow.log_prob(values) - log_q
    found = results[f'{kind}/{name}/log_prob']
    np.testing.assert_allclose(found, log_prob, rtol=1e-5)
    found = results[f'{kind}/{name}/bits_per_dim']
    bits = tfp_cinc.bits_per_dim(log_prob, SHAPE)
    np.testing.assert_allclose(found, bits, rtol=1e-5)
  encoded = latents.encode(flow, middle[:N])
  found = results[f'{kind}/encode/latents']
  np.testing.assert_allclose(found, encoded, rtol=1e-5, atol=1e-5)
  decoded = latents.decode(flow, OTHERS['decode']['latents'])
  found = results[f'{kind}/decode/values']
  np.testing.assert_allclose(found, decoded, rtol=1e-5, atol=1e-5)
  noise = flow.distribution.sample([N], seed=[1, 2])
  drawn = flow.bijector.forward(0.7 * noise)
  found = results[f'{kind}/sample/values']
  np.testing.assert_allclose(found, drawn, rtol=1e-5, atol=1e-5)
  way = latents.interpolate_latents(
    encoded, latents.encode(flow, middle[N:]), 4, 'linear'
  )
  for step in range(4):
    assert_same_pixels(
      results[f'{kind}/interpolate/images'][:, step],
      latents.decode(flow, way[:, step]),
    )
  np.testing.assert_array_equal(
    results[f'{kind}/interpolate/images'][:, 0], IMAGES[:N]
  )
  assert results[f'{kind}/manipulate/images'].shape == (N, 2, *SHAPE)


@pytest.mark.slow
def test_guided_samples_are_those_of_the_flow(served, results):
  flow = latents.with_temperature(served('label')[0], 0.7)
  expected = tfp_cinc.sample_guided(
    flow, tensor_of('label'), [N], guidance=2.0, seed=[1, 2]
  )
  found = results['label/sample_guided/values']
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
  assert np.max(np.abs(found - results['label/sample/values'])) > 1e-2
  assert 'mask/sample_guided/values' not in results


@pytest.mark.slow
def test_files_give_what_arrays_give(results):
  pairs = file_results(results)
  kinds = {key.split('/')[0] for key in pairs}
  assert kinds == set(CONDITIONS)
  assert 'low_resolution/learned_noise_bytes/values' in pairs
  for key, other in pairs.items():
    np.testing.assert_array_equal(results[key], results[other], err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize('kind', CONDITIONS)
def test_images_depend_on_their_condition(results, kind, served):
  other = given(served(kind)[0], tensor_of(kind, -1))
  decoded = latents.decode(other, OTHERS['decode']['latents']).numpy()
  difference = np.abs(decoded - results[f'{kind}/decode/values'])
  assert np.all(np.max(difference[[0, 2]], (1, 2, 3)) > 1e-3)


@pytest.fixture(scope='module')
def model(served):
  return tf.saved_model.load(str(served('label')[1]))


@pytest.mark.parametrize(
  ('name', 'labels', 'sentence'),
  [
    (
      'log_prob',
      [0, 4, 1],
      '`labels` contains 4; labels are integers from 0 to 3.',
    ),
    (
      'sample_bytes',
      [-1],
      '`labels` contains -1; labels are integers from 0 to 3.',
    ),
    ('decode', [[1, 1, 1]], '`labels` has the shape [1 3]; it must be [N].'),
    (
      'encode',
      [1],
      '`images` has 3 elements and `labels` 1; their numbers must be equal.',
    ),
    (
      'sample_guided',
      [4],
      '`labels` contains 4; labels are integers from 0 to 3.',
    ),
  ],
)
def test_wrong_labels_fail_in_a_sentence(model, name, labels, sentence):
  inputs = {**OTHERS[name.removesuffix('_bytes')], 'labels': np.int32(labels)}
  with pytest.raises(tf.errors.InvalidArgumentError) as error:
    model.signatures[name](
      **{key: tf.constant(value) for key, value in inputs.items()}
    )
  assert sentence in error.value.message


def test_missing_labels_fail_in_a_sentence(model):
  with pytest.raises(TypeError, match=r'missing a required argument: .labels'):
    model.signatures['encode'](images=tf.constant(IMAGES[:N]))


def test_no_images_have_no_results(model):
  none = {
    'images': tf.constant(IMAGES[:0]),
    'labels': tf.zeros([0], tf.int32),
  }
  assert model.signatures['encode'](**none)['latents'].shape == (0, 48)
  factors = {'temperature': tf.constant(1.0), 'guidance': tf.constant(1.0)}
  drawn = model.signatures['sample_guided'](
    labels=none['labels'], seed=tf.constant([0, 0]), **factors
  )
  assert drawn['images'].shape == (0, *SHAPE)
  factors['guidance'] = tf.constant(-1.0)
  with pytest.raises(tf.errors.InvalidArgumentError) as error:
    model.signatures['sample_guided'](
      labels=none['labels'], seed=tf.constant([0, 0]), **factors
    )
  assert '`guidance` is -1; it must be finite and' in error.value.message


@pytest.mark.slow
@pytest.mark.parametrize('kind', CONDITIONS)
def test_the_card_describes_the_condition(served, kind):
  card = json.loads((served(kind)[1] / 'model_card.json').read_text())
  assert ConditionInput.from_json(card['condition']) == CONDITIONS[kind]
  inputs = card['signatures']['sample_bytes']['inputs']
  expected = {
    'label': {'labels'},
    'values': {'condition'},
    'low_resolution': {'low_resolution_bytes'},
    'mask': {'known_bytes', 'mask_bytes'},
  }
  assert set(inputs) == {'temperature', 'seed', *expected[kind]}


def test_flows_that_do_not_take_the_condition_are_refused(served, tmp_path):
  flow, _ = served('label')

  def refused(match, flow, **options):
    with pytest.raises(ValueError, match=match):
      tfp_cinc.export_saved_model(flow, tmp_path / 'model', SHAPE, **options)
    assert not list(tmp_path.iterdir())

  refused('glow is conditional; describe its condition', flow)
  plain = given(flow, tf.one_hot(1, 4))
  refused('takes none', plain, condition=CONDITIONS['label'])
  refused("'label'; it must be a description", plain, condition='label')
  several = given(flow, tf.one_hot([1, 2], 4))
  refused('which has a batch dimension', several)
  refused(
    r'has the shape \[5\]; glow takes 4 channels',
    flow,
    condition=ConditionInput('label', [5]),
  )
