"""Exported flows whose samples are denoised."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tfp_cinc import ConditionInput, given
from tfp_cinc.saved_model.signatures import flow_signatures

SHAPE = [4, 4, 1]
SCALE = 0.1
LABELS = [2, 0, 1]
CLIENT = """
import sys
for name in ('tensorflow_probability', 'tf_keras', 'tfp_cinc'):
  sys.modules[name] = None  # importing it fails
import numpy as np
import tensorflow as tf
results = {}
for path in sys.argv[2:]:
  signatures = tf.saved_model.load(path).signatures
  for name in ('sample', 'sample_guided', 'sample_bytes'):
    if name not in signatures:
      continue
    keys = signatures[name].structured_input_signature[1]
    inputs = {
      'number': tf.constant(3),
      'labels': tf.constant([2, 0, 1]),
      'temperature': tf.constant(0.8),
      'guidance': tf.constant(1.5),
      'seed': tf.constant([1, 2]),
    }
    outputs = signatures[name](**{key: inputs[key] for key in keys})
    for key, value in outputs.items():
      if value.dtype == tf.string:
        value = [tf.io.decode_png(file) for file in value]
      results[f'{path.rpartition("/")[2]}/{name}/{key}'] = value
np.savez(sys.argv[1], **results)
"""


def moved(flow):
  rng = np.random.default_rng(1)
  pixels = rng.integers(0, 256, [16, *SHAPE], np.uint8)
  condition = np.zeros([16, 3], np.float32)
  tfp_cinc.initialize_from_data(
    flow,
    tfp_cinc.dequantize(pixels, seed=0),
    *([condition] if tfp_cinc.conditioning.is_conditional(flow) else []),
  )
  for variable in flow.trainable_variables:
    variable.assign_add(0.1 * rng.normal(size=variable.shape))
  return flow


@pytest.fixture(scope='module')
def flows():
  return {
    'cinc': moved(
      tfp_cinc.models.cinc(
        SHAPE,
        levels=1,
        depth=2,
        hidden_channels=4,
        memory='reversible',
        seed=0,
      )
    ),
    'tarflow': moved(
      tfp_cinc.models.tarflow(
        SHAPE,
        patch_size=2,
        num_layers=1,
        depth=2,
        hidden_channels=4,
        condition_channels=3,
        seed=0,
      )
    ),
  }


@pytest.fixture(scope='module')
def served(flows, tmp_path_factory):
  """The folder of the exported flows, and the results of a client."""
  folder = tmp_path_factory.mktemp('denoising')
  label = ConditionInput('label', [3], optional=True)
  for name, condition in (('cinc', None), ('tarflow', label)):
    tfp_cinc.export_saved_model(
      flows[name], folder / name, SHAPE, condition=condition, noise_scale=SCALE
    )
  paths = [str(folder / name) for name in flows]
  result = subprocess.run(
    [sys.executable, '-c', CLIENT, str(folder / 'out.npz'), *paths],
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 0, result.stderr
  return folder, dict(np.load(folder / 'out.npz'))


@pytest.mark.slow
@pytest.mark.parametrize(
  'name', ['cinc/sample', 'tarflow/sample', 'tarflow/sample_guided']
)
def test_samples_are_denoised_with_tensorflow_alone(served, flows, name):
  _, results = served
  kind, signature = name.split('/')
  conditional = kind == 'tarflow'
  flow = given(flows[kind], LABELS) if conditional else flows[kind]
  if signature == 'sample':
    latents = 0.8 * flow.distribution.sample([3], seed=[1, 2])
    noisy = flow.bijector.forward(latents)
  else:
    cool = tfp_cinc.latents.with_temperature(flows[kind], 0.8)
    noisy = tfp_cinc.sample_guided(cool, LABELS, [3], 1.5, seed=[1, 2])
  np.testing.assert_allclose(
    results[f'{name}/noisy_values'], noisy, rtol=1e-4, atol=1e-5
  )
  values = results[f'{name}/values']
  expected = tfp_cinc.denoise(flow, noisy, SCALE)
  np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)
  assert np.max(np.abs(values - noisy)) > 0.01
  images = results[f'{name}/images']
  np.testing.assert_array_equal(images, tfp_cinc.quantize(values))


@pytest.mark.slow
def test_files_are_denoised_and_the_card_has_the_noise(served):
  folder, results = served
  for name in ('cinc', 'tarflow'):
    card = json.loads((folder / name / 'model_card.json').read_text())
    assert card['noise_scale'] == SCALE
    outputs = card['signatures']['sample']['outputs']
    assert outputs['noisy_values'] == outputs['values']
    assert f'{name}/sample_bytes/noisy_values' not in results
    np.testing.assert_array_equal(
      results[f'{name}/sample_bytes/images_bytes'],
      results[f'{name}/sample/images'],
    )


@pytest.mark.slow
def test_only_samples_of_noisy_flows_are_denoised(flows):
  for scale in (0.0, SCALE):
    table = flow_signatures(flows['cinc'], 8, [], None, noise_scale=scale)
    drawn = table['sample'].function(
      number=tf.constant(0), temperature=tf.constant(1.0), seed=[0, 1]
    )
    assert ('noisy_values' in drawn) == bool(scale)
    assert drawn['values'].shape == [0, *SHAPE]
    latents = tf.zeros([1, 16])
    assert 'noisy_values' not in table['decode'].function(latents=latents)


@pytest.mark.parametrize('scale', [-0.1, float('nan'), '0.1', None])
def test_bad_noise_scales_are_refused(flows, tmp_path, scale):
  with pytest.raises(ValueError, match=r'`noise_scale` is .*at least 0'):
    tfp_cinc.export_saved_model(
      flows['cinc'], tmp_path / 'model', SHAPE, noise_scale=scale
    )
  assert not list(tmp_path.iterdir())
