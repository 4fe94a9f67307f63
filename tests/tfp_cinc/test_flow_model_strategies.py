"""`FlowModel` with the strategies of `tf.distribute`."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.programs import flow_model_strategy, processes
from tfp_cinc import models
from tfp_cinc.flow_model import FlowModel

IMAGES = flow_model_strategy.IMAGES


def make_flow():
  return models.cinc([4, 4, 1], levels=1, depth=1, hidden_channels=8, seed=0)


@pytest.mark.slow
def test_two_replicas_are_one_model(tmp_path):
  code, _, error = processes.run('tests.programs.flow_model_strategy', tmp_path)
  assert code == 0, error
  found = np.load(tmp_path / 'out.npz')

  # Also of a step that has fewer images, and of an odd number of them.
  for name in flow_model_strategy.OPTIMIZERS:
    one, two = found[f'{name}_weights']
    np.testing.assert_array_equal(one, two)
    np.testing.assert_allclose(one, found[f'{name}_of_one'], atol=1e-5)
    losses = found[f'{name}_losses']
    np.testing.assert_allclose(losses, found[f'{name}_losses_of_one'], 1e-5)
    assert losses[0, 1] < losses[0, 0]

  # All replicas skip a step that is not finite on one of them.
  assert np.isnan(found['skipped_loss'])
  np.testing.assert_array_equal(found['skipped'], found['legacy_weights'])
  assert found['iterations'] == 2 * 3

  np.testing.assert_array_equal(*found['noisy'])
  served = tf.saved_model.load(str(tmp_path / 'model')).signatures['log_prob']
  np.testing.assert_allclose(
    served(images=tf.constant(IMAGES))['bits_per_dim'],
    found['bits'],
    rtol=1e-5,
  )
  for path in ('all', 'all.weights.h5'):
    np.testing.assert_array_equal(found[f'{path}_bits'], found['bits'])
  # Without a strategy.
  other = FlowModel(make_flow())
  other.load_weights(tmp_path / 'all.weights.h5')
  np.testing.assert_allclose(
    other.predict(IMAGES, verbose=0), found['bits'], rtol=1e-5
  )

  assert str(found['clipped']).startswith('`clipnorm` of keras.optimizers.Adam')
  assert str(found['compiled']).startswith('`jit_compile` is set; XLA cannot')


def test_a_strategy_of_one_device():
  with tf.distribute.OneDeviceStrategy('CPU:0').scope():
    model = FlowModel(make_flow())
    model.compile(tf_keras.optimizers.SGD(1e-2), run_eagerly=True)
  logs = model.fit(IMAGES, batch_size=10, epochs=2, verbose=0).history
  assert logs['loss'][1] < logs['loss'][0]
  assert model.optimizer.iterations.numpy() == 2 * 2


def test_parts_of_different_strategies_are_refused():
  strategy = tf.distribute.MirroredStrategy(['CPU:0'])
  flow = make_flow()
  optimizer = tf_keras.optimizers.SGD()
  with strategy.scope():
    outside = FlowModel(flow)
    inside = FlowModel(make_flow())
  without = FlowModel(inside.flow)
  for model, what in (
    (outside, 'flow'),
    (inside, 'optimizer'),
    (without, 'flow'),
  ):
    with pytest.raises(ValueError, match=f'the {what} was not created with'):
      model.compile(optimizer)


def test_other_strategies_are_refused():
  strategy = tf.distribute.experimental.CentralStorageStrategy(['CPU:0'])
  with strategy.scope():
    model = FlowModel(make_flow())
  with pytest.raises(ValueError, match='does not support CentralStorage'):
    model.compile('sgd')
