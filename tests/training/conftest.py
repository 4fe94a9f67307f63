"""A run that several modules look at."""

import pytest

from tests.training import tiny
from training.attributes import attributes
from training.export import export
from training.train import train


@pytest.fixture(scope='session')
def used(tmp_path_factory):
  """(workdir, SavedModel) of a tiny run of two levels, with directions.

  Whoever changes anything in there takes a copy.
  """
  folder = tmp_path_factory.mktemp('used')
  config = tiny.get_config()
  config.flow.levels = 2
  config.train.deterministic = False  # which would be so for all tests
  config.train.learning_rate = 1e-2
  config.train.ema_decay = 0.5
  config.eval.batch_size = 32
  run, model = folder / 'run', folder / 'model'
  train(config, str(run))
  attributes(
    str(run),
    split='train',
    data=None,
    limit=None,
    method='correlation',
    output=None,
  )
  export(
    str(run), output=model, directions=None, precision='full', licence=None
  )
  return run, model
