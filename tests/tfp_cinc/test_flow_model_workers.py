"""`FlowModel.fit` on two real Horovod workers, through Horovod's Keras."""

import numpy as np
import pytest
import tf_keras

from tests.programs import processes
from tfp_cinc import models
from tfp_cinc.flow_model import FlowModel
from tfp_cinc.flow_model.optimizers import horovod_of

hvd = pytest.importorskip('horovod.tensorflow.keras')
pytestmark = pytest.mark.slow


def test_two_workers_are_one_model(tmp_path):
  out = tmp_path / 'out.npz'
  code, _, error = processes.run(
    'tests.programs.flow_model_workers', out, workers=2
  )
  assert code == 0, error
  found = np.load(out)

  def same(name):
    first, second = found[name]
    return np.array_equal(first, second)

  # Other weights at the start, and then worker 0's, initialized from its dark
  # images: the shift of the lighter ones would be negative.
  assert not same('first')
  assert same('initialized')
  assert np.all(found['shift'] > 0)

  assert same('fitted')
  assert same('slots')
  assert same('logs')
  assert not np.array_equal(found['fitted'], found['initialized'])
  # Horovod's warm-up ends at the rate itself.
  np.testing.assert_allclose(found['rate'], 1e-3, rtol=1e-6)

  # A second fit starts from worker 0's weights, and nobody takes the step that
  # is not finite on worker 1.
  np.testing.assert_array_equal(found['shared'], found['fitted'])
  assert same('resumed')
  assert np.all(np.isfinite(found['resumed']))
  from tests.programs.flow_model_workers import STEPS

  steps = 3 * STEPS - 1
  assert found['iterations'] == steps
  assert np.all(np.isnan(found['losses']))


def fit_with_halved_rate(optimizer, **options):
  """Halves the learning rate before the second epoch, and returns the model."""
  halve = hvd.callbacks.LearningRateScheduleCallback(1e-2, 0.5, **options)
  flow = models.cinc([4, 4, 1], levels=1, depth=1, hidden_channels=8, seed=0)
  model = FlowModel(flow)
  model.compile(optimizer, run_eagerly=True)
  images = np.arange(128, dtype=np.uint8).reshape([8, 4, 4, 1])
  model.fit(images, epochs=2, verbose=0, callbacks=halve)
  return model


def test_rates_of_an_optimizer_with_momentum():
  """Horovod changes the momentum too, which only a legacy optimizer can."""
  kinds = tf_keras.optimizers
  with pytest.raises(ValueError, match=r'momentum 0.9 of SGD; pass it `mom'):
    fit_with_halved_rate(kinds.SGD(1e-2, momentum=0.9))
  for optimizer, options in (
    (kinds.SGD(1e-2, momentum=0.9), {'momentum_correction': False}),
    (kinds.SGD(1e-2), {}),
    (kinds.legacy.SGD(1e-2, momentum=0.9), {}),
    (kinds.Adam(1e-2), {}),
  ):
    model = fit_with_halved_rate(optimizer, **options)
    np.testing.assert_allclose(model.optimizer.learning_rate, 5e-3)


def test_workers_of_a_loss_scale():
  """Horovod's optimizer in that of Keras is found, to broadcast the weights."""
  hvd.init()
  inner = hvd.DistributedOptimizer(tf_keras.optimizers.SGD(1e-2))
  optimizer = tf_keras.mixed_precision.LossScaleOptimizer(inner)
  assert horovod_of(optimizer) is not None
  assert horovod_of(tf_keras.optimizers.SGD(1e-2)) is None
