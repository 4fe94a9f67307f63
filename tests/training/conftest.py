"""Fixtures that several tests of the training package use."""

import pytest

from tests.training import tiny
from training.commands import main
from training.loop.train import train


@pytest.fixture(scope='session')
def used(tmp_path_factory):
  """(run, SavedModel): a tiny trained flow of two levels, with directions.

  A test that changes anything in them must copy them first.
  """
  folder = tmp_path_factory.mktemp('used')
  config = tiny.get_config()
  config.flow.levels = 2
  # The setting would stay for all other tests of this process.
  config.train.deterministic = False
  config.train.learning_rate = 1e-2
  config.train.ema_decay = 0.5
  config.eval.batch_size = 32
  run, model = folder / 'run', folder / 'model'
  train(config, str(run))
  main(['attributes', str(run)])
  main(['export', str(run), '--output', str(model)])
  return run, model


@pytest.fixture(scope='session')
def conditional(tmp_path_factory):
  """(run, SavedModel): as `used`, of one level, given the class of a digit."""
  folder = tmp_path_factory.mktemp('conditional')
  config = tiny.get_config()
  config.flow.condition = 'label'
  config.train.deterministic = False
  config.train.learning_rate = 1e-2
  config.eval.batch_size = 32
  run, model = folder / 'run', folder / 'model'
  train(config, str(run))
  (run / 'saved_model').rename(model)
  return run, model
