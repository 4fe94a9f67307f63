"""`FlowModel.fit` on two real Horovod workers, through Horovod's Keras."""

import numpy as np
import pytest

from tests.programs import flow_model_workers, processes

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
  steps = 3 * flow_model_workers.STEPS - 1
  assert found['iterations'] == steps
  assert np.all(np.isnan(found['losses']))
