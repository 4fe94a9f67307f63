"""The exported model, in a process that has TensorFlow alone."""

import pathlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tfp_cinc.saved_model import fixed_noise

SHAPE = [8, 8, 3]

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
model = tf.saved_model.load(sys.argv[1])
images = np.load(sys.argv[2])
results = {}
for name, result in {
  'log_prob': model.signatures['log_prob'](images=images),
  'encode': model.signatures['encode'](images=images),
  'single': model.signatures['log_prob'](images=images[:1]),
  'sample': model.signatures['sample'](
    number=tf.constant(3),
    temperature=tf.constant(0.7),
    seed=tf.constant([1, 2]),
  ),
}.items():
  for key, value in result.items():
    results[f'{name}/{key}'] = value
latents = results['encode/latents']
for key, value in model.signatures['decode'](latents=latents).items():
  results[f'decode/{key}'] = value
try:
  model.signatures['log_prob'](images=np.zeros([1, 4, 4, 3], np.uint8))
except tf.errors.InvalidArgumentError as error:
  results['error'] = error.message
np.savez(sys.argv[3], **results)
"""


@pytest.fixture(scope='module')
def flow():
  flow = tfp_cinc.models.cinc(
    SHAPE,
    layers='one_by_one+cinc',
    levels=2,
    depth=1,
    hidden_channels=8,
    seed=0,
  )
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, [32, *SHAPE], np.uint8)
  tfp_cinc.initialize_from_data(flow, tfp_cinc.dequantize(images, seed=0))
  for variable in flow.trainable_variables:
    variable.assign_add(0.05 * rng.normal(size=variable.shape))
  return flow


def test_signatures_agree_with_the_flow(flow, tmp_path):
  images = np.random.default_rng(1).integers(0, 256, [5, *SHAPE], np.uint8)
  np.save(tmp_path / 'images.npy', images)
  tfp_cinc.export_saved_model(flow, tmp_path / 'model', SHAPE)
  client = tmp_path / 'client.py'
  client.write_text(textwrap.dedent(CLIENT))
  arguments = [
    tmp_path / 'model',
    tmp_path / 'images.npy',
    tmp_path / 'out.npz',
  ]
  result = subprocess.run(
    [sys.executable, client, *arguments],
    cwd=tmp_path,
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 0, result.stderr
  assert 'gradient' not in result.stderr  # no warning about custom gradients
  served = np.load(tmp_path / 'out.npz')

  values = tfp_cinc.dequantize(images, noise=fixed_noise(SHAPE))
  log_prob = flow.log_prob(values)
  np.testing.assert_allclose(
    served['log_prob/log_prob'], log_prob, rtol=1e-6, atol=1e-4
  )
  np.testing.assert_allclose(
    served['log_prob/bits_per_dim'],
    tfp_cinc.bits_per_dim(log_prob, SHAPE),
    atol=1e-4,
  )
  # An image's density does not depend on its batch.
  np.testing.assert_allclose(
    served['single/log_prob'], log_prob[:1], rtol=1e-6, atol=1e-4
  )
  values = tfp_cinc.dequantize(images, noise=0.5)
  latents = flow.bijector.inverse(values)
  np.testing.assert_allclose(
    served['encode/latents'], tf.reshape(latents, [5, -1]), atol=1e-4
  )
  np.testing.assert_array_equal(served['decode/images'], images)
  np.testing.assert_allclose(served['decode/values'], values, atol=1e-4)
  noise = flow.distribution.sample([3], seed=[1, 2])
  np.testing.assert_allclose(
    served['sample/values'], flow.bijector.forward(0.7 * noise), atol=1e-4
  )
  assert served['sample/images'].dtype == np.uint8
  assert 'does not have the shape' in str(served['error'])


def test_refuses_and_leaves_what_is_there(flow, tmp_path):
  new = tfp_cinc.models.glow(SHAPE, levels=1, depth=1, hidden_channels=2)
  with pytest.raises(ValueError, match='is not initialized'):
    tfp_cinc.export_saved_model(new, tmp_path / 'model', SHAPE)
  with pytest.raises(ValueError, match='the flow is over'):
    tfp_cinc.export_saved_model(flow, tmp_path / 'model', [4, 4, 3])
  (tmp_path / 'mine').mkdir()
  (tmp_path / 'mine' / 'thesis.txt').write_text('text')
  with pytest.raises(ValueError, match='it is left alone'):
    tfp_cinc.export_saved_model(flow, tmp_path / 'mine', SHAPE)
  assert [path.name for path in pathlib.Path(tmp_path).iterdir()] == ['mine']
  assert (tmp_path / 'mine' / 'thesis.txt').read_text() == 'text'


def test_replaces_a_model_and_leaves_no_remains(flow, tmp_path):
  small = tfp_cinc.models.glow([2, 2, 3], levels=1, depth=1, hidden_channels=2)
  tfp_cinc.initialize_from_data(small, tf.random.uniform([8, 2, 2, 3]) - 0.5)
  for _ in range(2):
    tfp_cinc.export_saved_model(small, tmp_path / 'model', [2, 2, 3])
  assert [path.name for path in tmp_path.iterdir()] == ['model']
