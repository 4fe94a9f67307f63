import json
import resource

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tfp_cinc.latents import (
  AttributeDirections,
  latent_levels,
  weights_digest,
)
from tfp_cinc.saved_model.model_card import read_model_card

SHAPE = [8, 8, 3]


@pytest.fixture(scope='module')
def small():
  shape = [2, 2, 3]
  flow = tfp_cinc.models.glow(shape, levels=1, depth=1, hidden_channels=2)
  tfp_cinc.initialize_from_data(flow, tf.random.uniform([8, *shape]) - 0.5)
  return flow


def test_what_lies_beside_the_model(served):
  card = json.loads((served.path / 'model_card.json').read_text())
  assert card['format'] == 'tfp_cinc'
  assert card['format_version'] == 3
  assert card['tfp_cinc_version'] == tfp_cinc.__version__
  assert card['image_shape'] == SHAPE
  assert card['num_bits'] == 8
  assert card['precision'] == 'full'
  assert card['attributes'] == ['Old', 'Smiling']
  assert card['data'] == 'made up'
  assert card['weights'] == weights_digest(served.flow)
  assert set(card['files']) == {
    str(path.relative_to(served.path))
    for path in served.path.rglob('*')
    if path.is_file() and path.name != 'model_card.json'
  }
  assert set(card['signatures']) == set(served.model.signatures)
  assert card['signatures']['manipulate_bytes'] == {
    'inputs': {
      'images_bytes': {'dtype': 'string', 'shape': ['N']},
      'attribute': {'dtype': 'string', 'shape': []},
      'strengths': {'dtype': 'float32', 'shape': ['S']},
    },
    'outputs': {
      'images_bytes': {'dtype': 'string', 'shape': [None, None]},
      'clipped': {'dtype': 'float32', 'shape': [None, None]},
    },
  }
  outputs = card['signatures']['interpolate']['outputs']
  assert outputs['images'] == {'dtype': 'uint8', 'shape': [None, None, *SHAPE]}
  extra = served.path / 'assets.extra'
  levels = np.load(extra / 'latents.npz')['levels']
  np.testing.assert_array_equal(levels, latent_levels(served.flow))
  found = AttributeDirections.load(extra / 'directions.npz')
  assert found.names == served.directions.names
  np.testing.assert_array_equal(found.directions, served.directions.directions)


def test_matrices_are_of_the_export_and_not_of_each_call(served):
  functions = {
    name: function.graph.as_graph_def()
    for name, function in served.model.signatures.items()
  }
  for name, graph in functions.items():
    nodes = [
      *graph.node,
      *(n for f in graph.library.function for n in f.node_def),
    ]
    kinds = {node.op for node in nodes}
    assert 'Conv2D' in kinds  # the networks': the nodes are the model's
    assert not kinds & {'MatrixTriangularSolve', 'MatrixInverse'}, name
  assert not any(v.trainable for v in served.model.flow_variables)


@pytest.mark.slow
def test_bfloat16_is_in_the_networks_alone(served, tmp_path):
  tfp_cinc.export_saved_model(
    served.flow, tmp_path / 'model', SHAPE, precision='bfloat16'
  )
  card = json.loads((tmp_path / 'model' / 'model_card.json').read_text())
  assert card['precision'] == 'bfloat16'
  signatures = tf.saved_model.load(str(tmp_path / 'model')).signatures
  assert 'manipulate' not in signatures
  encoded = signatures['encode'](images=served.images)['latents']
  whole = served.call('encode', images=served.images)['latents']
  error = np.max(np.abs(encoded - whole))
  assert 1e-4 < error < 0.2
  decoded = signatures['decode'](latents=encoded)['images'].numpy()
  difference = np.abs(decoded.astype(int) - served.images)
  assert np.mean(difference) < 2.0
  bits = signatures['log_prob'](images=served.images)['bits_per_dim']
  whole = served.call('log_prob', images=served.images)['bits_per_dim']
  np.testing.assert_allclose(bits, whole, atol=0.05)


def test_a_flow_of_more_channels_than_a_png_has(tmp_path):
  shape = [2, 2, 5]
  flow = tfp_cinc.models.glow(shape, levels=1, depth=1, hidden_channels=2)
  tfp_cinc.initialize_from_data(flow, tf.random.uniform([8, *shape]) - 0.5)
  tfp_cinc.export_saved_model(flow, tmp_path / 'model', shape)
  signatures = tf.saved_model.load(str(tmp_path / 'model')).signatures
  assert 'interpolate' in signatures
  assert not [name for name in signatures if name.endswith('_bytes')]


def test_replaces_a_model_and_leaves_no_remains(small, tmp_path):
  (tmp_path / 'figure.png').write_bytes(b'a figure')
  for number in range(2):
    tfp_cinc.export_saved_model(
      small,
      tmp_path / 'model',
      [2, 2, 3],
      card={'step': number},
      extra_files={
        f'{number}.json': b'{}',
        'figure.png': tmp_path / 'figure.png',
      },
    )
  names = sorted(path.name for path in tmp_path.iterdir())
  assert names == ['figure.png', 'model']
  extra = tmp_path / 'model' / 'assets.extra'
  names = sorted(path.name for path in extra.iterdir())
  assert names == ['1.json', 'figure.png', 'latents.npz']
  assert (extra / 'figure.png').read_bytes() == b'a figure'
  card = json.loads((tmp_path / 'model' / 'model_card.json').read_text())
  assert card['step'] == 1


def test_keeps_the_old_model_where_a_new_one_fails(
  small, tmp_path, monkeypatch
):
  path = tmp_path / 'model'
  tfp_cinc.export_saved_model(small, path, [2, 2, 3], card={'step': 0})
  monkeypatch.setattr(AttributeDirections, 'save', lambda self, path: 1 / 0)
  directions = AttributeDirections(['Old'], np.zeros([1, 12]), 'correlation')
  with pytest.raises(ZeroDivisionError):
    tfp_cinc.export_saved_model(small, path, [2, 2, 3], directions=directions)
  assert [path.name for path in tmp_path.iterdir()] == ['model']
  assert json.loads((path / 'model_card.json').read_text())['step'] == 0


@pytest.mark.slow
@pytest.mark.parametrize('limit', [0, 5_000, 100_000])
def test_full_disk_raises_one_sentence(small, tmp_path, limit):
  """The weights, the graph or a side file cannot be written."""
  path = tmp_path / 'model'
  tfp_cinc.export_saved_model(small, path, [2, 2, 3], card={'step': 0})
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
  try:
    with pytest.raises(OSError, match='File too large') as caught:
      tfp_cinc.export_saved_model(
        small, path, [2, 2, 3], extra_files={'large': bytes(10_000_000)}
      )
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
  assert str(tmp_path) not in str(caught.value)
  assert [path.name for path in tmp_path.iterdir()] == ['model']
  assert read_model_card(path)['step'] == 0


def test_refuses_and_leaves_what_is_there(served, small, tmp_path):
  def refused(match, flow=served.flow, folder='model', shape=SHAPE, **options):
    with pytest.raises(ValueError, match=match):
      tfp_cinc.export_saved_model(flow, tmp_path / folder, shape, **options)

  new = tfp_cinc.models.glow(SHAPE, levels=1, depth=1, hidden_channels=2)
  refused('is not initialized', new)
  refused('the flow is over', shape=[4, 4, 3])
  vectors = tfp_cinc.models.ffjord([12], depth=1, hidden_channels=2)
  refused('a flow over images', vectors, shape=[12])
  (tmp_path / 'mine').mkdir()
  (tmp_path / 'mine' / 'thesis.txt').write_text('text')
  refused('it will not be overwritten', folder='mine')
  refused("`precision` is 'half'", precision='half')
  double = tfp_cinc.models.glow(
    SHAPE, levels=1, depth=1, hidden_channels=2, dtype=tf.float64
  )
  images = tf.random.uniform([8, *SHAPE], dtype=tf.float64) - 0.5
  tfp_cinc.initialize_from_data(double, images)
  refused('in float64', double, precision='bfloat16')
  refused("`card` contains 'format'", card={'format': 'mine'})
  refused("`card` contains 'files'", card={'files': {}})
  refused('JSON', card={'bits_per_dim': float('nan')})
  refused('without a folder', extra_files={'../model.pb': b''})
  refused("'latents.npz'", extra_files={'latents.npz': b''})
  refused('is not a file', extra_files={'figure.png': tmp_path / 'figure.png'})
  of_layer = AttributeDirections(
    ['Old'], np.zeros([1, 192]), 'correlation', 'level_0_step_0'
  )
  refused('activations of level_0_step_0', directions=of_layer)
  stale = AttributeDirections(
    ['Old'], np.zeros([1, 192]), 'correlation', weights='0' * 64
  )
  refused('belong to other weights', directions=stale)
  other = AttributeDirections(['Old'], np.zeros([1, 12]), 'correlation')
  refused('have 12 elements each', directions=other)
  assert [path.name for path in tmp_path.iterdir()] == ['mine']
  assert (tmp_path / 'mine' / 'thesis.txt').read_text() == 'text'
