"""Tests that an export that fails is reported in one sentence."""

import errno
import os
import types

import pytest

import tfp_cinc
from training.data.facts import DataFacts
from training.errors import UserError
from training.loop.export import write_saved_model


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
      types.SimpleNamespace(flow=None, noise=None),
      tmp_path / 'model',
      folder=tmp_path,
      data=DataFacts('digits', (8, 8, 1)),
      num_bits=8,
      step=1,
    )
