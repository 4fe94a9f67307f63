"""The exported model, in a process that has TensorFlow alone."""

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
from tfp_cinc import latents
from tfp_cinc.saved_model import fixed_noise
from tfp_cinc.saved_model.signatures import flow_signatures
from tfp_cinc.variational_dequantization import (
  trainable_variational_dequantization,
)

CLIENT = """
import sys
for name in ('tensorflow_probability', 'tf_keras', 'tfp_cinc'):
  sys.modules[name] = None  # importing it fails
try:
  import tensorflow_probability
  raise SystemExit('TFP can be imported')
except ImportError:
  pass
import numpy as np
import tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
images = np.load(sys.argv[2])
files = tf.io.encode_png(images)
results = {}
def call(name, **inputs):
  outputs = signatures[name](**inputs)
  for key, value in outputs.items():
    if value.dtype == tf.string:
      value = np.reshape(
        [tf.io.decode_png(file) for file in tf.reshape(value, [-1])],
        [*value.shape, *images.shape[1:]],
      )
    results[f'{name}/{key}'] = value
  return outputs
call('log_prob', images=images)
call('log_prob_bytes', images_bytes=files)
values = (tf.cast(images, tf.float32) + 0.25) / 256 - 0.5
call('log_prob_values', values=values)
encoded = call('encode', images=images)
call('encode_bytes', images_bytes=files)
call('decode', **encoded)
call('decode_bytes', **encoded)
drawn = {
  'number': tf.constant(3),
  'temperature': tf.constant(0.7),
  'seed': tf.constant([1, 2]),
}
call('sample', **drawn)
call('sample_bytes', **drawn)
way = {'steps': tf.constant(4), 'method': tf.constant('spherical')}
call('interpolate', first=images[:2], second=images[2:4], **way)
call('interpolate_bytes', first_bytes=files[:2], second_bytes=files[2:4], **way)
change = {
  'attribute': tf.constant('Smiling'),
  'strengths': tf.constant([-1.0, 0.0, 2.0]),
}
call('manipulate', images=images, **change)
call('manipulate_bytes', images_bytes=files, **change)
assert len({key.split('/')[0] for key in results}) == len(signatures)
np.savez(sys.argv[3], **results)
"""


@pytest.fixture(scope='module')
def results(served, tmp_path_factory):
  """What all signatures give to a client of TensorFlow alone."""
  folder = tmp_path_factory.mktemp('client')
  client, images = folder / 'client.py', folder / 'images.npy'
  client.write_text(CLIENT)
  np.save(images, served.images)
  result = subprocess.run(
    [sys.executable, client, served.path, images, folder / 'out.npz'],
    cwd=folder,
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 0, result.stderr
  assert 'gradient' not in result.stderr  # no warning about custom gradients
  return np.load(folder / 'out.npz')


@pytest.mark.slow
def test_densities_are_those_of_the_flow(served, results):
  shape = served.images.shape[1:]
  noise = {'log_prob': fixed_noise(shape), 'log_prob_values': 0.25}
  levels = latents.latent_levels(served.flow)
  for name, draw in noise.items():
    values = tfp_cinc.dequantize(served.images, noise=draw)
    log_prob = served.flow.log_prob(values)
    np.testing.assert_allclose(
      results[f'{name}/log_prob'], log_prob, rtol=1e-6, atol=1e-3
    )
    bits = tfp_cinc.bits_per_dim(log_prob, shape)
    np.testing.assert_allclose(results[f'{name}/bits_per_dim'], bits, rtol=1e-5)
    by_level = results[f'{name}/bits_per_dim_by_level']
    np.testing.assert_allclose(
      by_level,
      latents.bits_per_dim_by_level(
        latents.log_prob_by_level(served.flow, values)[1], levels
      ),
      rtol=1e-5,
    )
    np.testing.assert_allclose(by_level.sum(1), bits, rtol=1e-5)


@pytest.mark.slow
def test_images_are_those_of_the_flow(served, results):
  values = tfp_cinc.dequantize(served.images, noise=0.5)
  encoded = latents.encode(served.flow, values)
  np.testing.assert_allclose(results['encode/latents'], encoded, atol=1e-4)
  np.testing.assert_array_equal(results['decode/images'], served.images)
  np.testing.assert_allclose(results['decode/values'], values, atol=1e-4)
  noise = served.flow.distribution.sample([3], seed=[1, 2])
  drawn = served.flow.bijector.forward(0.7 * noise)
  np.testing.assert_allclose(results['sample/values'], drawn, atol=1e-4)
  between = latents.interpolate(
    served.flow, values[:2], values[2:4], 4, 'spherical'
  )
  assert_same_pixels(results['interpolate/images'], between)
  changed = latents.manipulate(
    served.flow,
    values,
    served.directions.direction('Smiling'),
    [-1.0, 0.0, 2.0],
  )
  assert_same_pixels(results['manipulate/images'], changed)
  assert np.any(results['manipulate/images'][:, 2] != served.images)


@pytest.mark.slow
def test_files_give_what_arrays_give(results):
  pairs = file_results(results)
  assert len(pairs) == 12
  for key, other in pairs.items():
    np.testing.assert_array_equal(results[key], results[other], err_msg=key)


@pytest.mark.parametrize('number', [0, 1])
def test_batches_of_none_and_of_one(served, number):
  images = served.images[:number]
  files = tf.io.encode_png(images)
  for inputs in ({'images': images}, {'images_bytes': files}):
    bytes_ = '_bytes' * ('images_bytes' in inputs)
    found = served.call(f'log_prob{bytes_}', **inputs)
    whole = served.call('log_prob', images=served.images)
    # An image's density does not depend on its batch.
    np.testing.assert_allclose(
      found['log_prob'], whole['log_prob'][:number], rtol=1e-6, atol=1e-3
    )
    encoded = served.call(f'encode{bytes_}', **inputs)
    decoded = served.call(f'decode{bytes_}', **encoded)
    assert len(decoded[f'images{bytes_}']) == number
    changed = served.call(
      f'manipulate{bytes_}', attribute='Old', strengths=[1.0], **inputs
    )
    assert changed[f'images{bytes_}'].shape[:2] == (number, 1)
    ends = {
      name + key.removeprefix('images'): value
      for name in ('first', 'second')
      for key, value in inputs.items()
    }
    between = served.call(
      f'interpolate{bytes_}', steps=2, method='linear', **ends
    )
    assert between[f'images{bytes_}'].shape[:2] == (number, 2)
    drawn = served.call(
      f'sample{bytes_}', number=number, temperature=1.0, seed=[0, 0]
    )
    assert len(drawn[f'images{bytes_}']) == number


PIXELS = np.zeros([2, 8, 8, 3], np.uint8)
ENDS = {'first': PIXELS, 'second': PIXELS, 'steps': 2, 'method': 'linear'}
DRAW = {'number': 1, 'temperature': 1.0, 'seed': [0, 0]}
CHANGE = {'images': PIXELS, 'attribute': 'Old', 'strengths': [1.0]}


@pytest.mark.parametrize(
  ('name', 'inputs', 'sentence'),
  [
    (
      'log_prob',
      {'images': PIXELS[:, :4]},
      '`images` has the shape [2 4 8 3]; it must be [N, 8, 8, 3].',
    ),
    (
      'encode',
      {'images': PIXELS[0]},
      '`images` has the shape [8 8 3]; it must be [N, 8, 8, 3].',
    ),
    (
      'decode',
      {'latents': np.zeros([3, 10], np.float32)},
      '`latents` has the shape [3 10]; it must be [N, 192].',
    ),
    (
      'sample',
      {**DRAW, 'seed': [1, 2, 3]},
      '`seed` has the shape [3]; it must be [2].',
    ),
    (
      'sample_bytes',
      {**DRAW, 'number': [1]},
      '`number` has the shape [1]; it must be [].',
    ),
    ('sample', {**DRAW, 'number': -1}, '`number` is -1; it must be at least'),
    (
      'sample',
      {**DRAW, 'temperature': -1.0},
      '`temperature` is -1; it must be finite and at least 0.',
    ),
    (
      'sample_bytes',
      {**DRAW, 'temperature': np.nan},
      '`temperature` is nan; it must be finite and at least 0.',
    ),
    (
      'sample',
      {**DRAW, 'temperature': np.inf},
      '`temperature` is inf; it must be finite and at least 0.',
    ),
    (
      'interpolate',
      {**ENDS, 'method': 'cubic'},
      '`method` is cubic; it must be one of linear, spherical.',
    ),
    ('interpolate', {**ENDS, 'steps': 1}, '`steps` is 1; it must be at least'),
    (
      'interpolate',
      {**ENDS, 'second': PIXELS[:1]},
      '`first` has 2 elements and `second` 1; their numbers must be equal.',
    ),
    (
      'manipulate',
      {**CHANGE, 'attribute': 'Young'},
      '`attribute` is Young; it must be one of Old, Smiling.',
    ),
    (
      'manipulate',
      {**CHANGE, 'strengths': [1.0, np.nan]},
      '`strengths` are [1 nan]; they must be finite.',
    ),
    (
      'manipulate_bytes',
      {
        'images_bytes': tf.io.encode_png(PIXELS),
        'attribute': 'Old',
        'strengths': [-np.inf],
      },
      '`strengths` are [-inf]; they must be finite.',
    ),
    (
      'manipulate',
      {**CHANGE, 'strengths': 1.0},
      '`strengths` has the shape []; it must be [S].',
    ),
  ],
)
def test_bad_input_fails_in_a_sentence(served, name, inputs, sentence):
  with pytest.raises(tf.errors.InvalidArgumentError) as error:
    served.call(name, **inputs)
  assert sentence in error.value.message


@pytest.mark.parametrize('bytes_', ['', '_bytes'])
def test_clipped_pixels_are_reported_for_each_image(served, bytes_):
  latents = served.call('encode', images=served.images)['latents']
  latents = np.stack([latents[0], *3 * [latents[0]]])
  latents[1, 5] = np.nan
  latents[2] = 1e6
  latents[3, 7] = np.inf
  found = served.call(f'decode{bytes_}', latents=latents)
  clipped = found['clipped']
  assert clipped[0] == 0.0
  assert np.all(clipped[[1, 3]] > 0.0)
  assert clipped[2] > 0.9
  values = served.call('decode', latents=latents)['values']
  expected = 1.0 - np.mean(np.abs(values) <= 0.5, (1, 2, 3))
  np.testing.assert_allclose(clipped, expected, rtol=1e-6)
  images = served.images[:2]
  if bytes_:
    images = tf.io.encode_png(images)
  far = served.call(
    f'manipulate{bytes_}',
    **{f'images{bytes_}': images},
    attribute='Old',
    strengths=[0.0, 1e30],
  )
  assert far['clipped'].shape == (2, 2)
  assert np.all(far['clipped'][:, 0] == 0.0)
  assert np.all(far['clipped'][:, 1] > 0.5)


def test_values_that_are_not_finite_have_no_density(served):
  values = np.zeros([3, 8, 8, 3], np.float32)
  values[1, 2, 3, 0] = np.nan
  found = served.call('log_prob_values', values=values)
  for value in found.values():
    assert np.all(np.isfinite(value[[0, 2]]))
  assert np.isnan(found['log_prob'][1])
  assert np.isnan(found['bits_per_dim'][1])


def test_learned_noise_of_values_outside_the_bins_is_nan():
  noise = trainable_variational_dequantization([4, 4, 1], hidden_channels=2)
  flow = tfp_cinc.models.glow([4, 4, 1], levels=1, depth=1, hidden_channels=2)
  signature = flow_signatures(flow, 8, [], None, noise)['learned_noise']
  values = np.zeros([5, 4, 4, 1], np.float32)
  values[1, 0, 0, 0] = np.nan
  values[2, 0, 0, 0] = 0.7
  values[3] = -0.5
  values[4, 3, 3, 0] = np.inf
  log_q = signature.function(values=tf.constant(values))['log_q'].numpy()
  assert np.isfinite(log_q).tolist() == [True, False, False, True, False]
