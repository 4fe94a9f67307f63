"""Tests of the SavedModel of a run."""

import errno
import os
import shutil
import types

import pytest

import tfp_cinc
from tfp_cinc.saved_model.model_card import read_model_card
from training.data.facts import DataFacts
from training.errors import UserError
from training.loop import results
from training.loop.export import write_saved_model
from training.loop.run import Run
from training.loop.workers import Workers
from training.run_folder.config_file import read_config


@pytest.mark.slow
def test_directions_fit_the_weights_at_the_end_of_a_run(used, tmp_path):
  """They were learned from the checkpoint, which holds the same weights."""
  folder = shutil.copytree(used[0], tmp_path / 'run')
  run = Run(read_config(folder), folder, Workers())
  run.checkpoints.restore()
  results.write(run)
  card = read_model_card(folder / 'saved_model')
  assert card['attributes'] == list('0123456789')
  assert card['weights'] == read_model_card(used[1])['weights']


@pytest.mark.parametrize(
  ('error', 'sentence'),
  [
    (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 'No space left on'),
    (OSError('File too large'), 'model cannot be written: File too large.'),
    (ValueError('x is not a SavedModel.'), 'x is not a SavedModel.'),
  ],
)
def test_failed_export_is_an_error_of_the_user(
  tmp_path, monkeypatch, error, sentence
):
  def fail(*_, **__):
    raise error

  monkeypatch.setattr(tfp_cinc, 'export_saved_model', fail)
  with pytest.raises(UserError, match=sentence):
    write_saved_model(
      types.SimpleNamespace(
        flow=None, noise=None, noise_scale=0.0, condition=None
      ),
      tmp_path / 'model',
      folder=tmp_path,
      data=DataFacts('digits', (8, 8, 1)),
      num_bits=8,
      step=1,
    )
