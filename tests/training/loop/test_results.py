"""Tests of the results of a run if not all values are finite."""

import json
import shutil

import numpy as np
import pytest

from training.errors import UserError
from training.loop import evaluation, results
from training.loop.run import Run
from training.loop.workers import Workers
from training.run_folder.config_file import read_config
from training.run_folder.status import read_status


@pytest.fixture
def run(used, tmp_path):
  folder = shutil.copytree(used[0], tmp_path / 'run')
  run = Run(read_config(folder), folder, Workers())
  run.checkpoints.restore()
  return run


def test_image_without_a_finite_density_gives_null(run, monkeypatch):
  bits_per_dim = evaluation.bits_per_dim

  def one_infinite(*args, **kwargs):
    bits = bits_per_dim(*args, **kwargs)
    bits[1] = np.inf
    return bits

  monkeypatch.setattr('training.loop.evaluation.bits_per_dim', one_infinite)
  results.write(run)

  def refuse(constant):
    raise AssertionError(f'{constant} is not JSON')

  text = (run.folder / 'metrics.json').read_text()
  metrics = json.loads(text, parse_constant=refuse)
  assert metrics['test_bits_per_dim'] is None
  assert metrics['finite_test_images'] == metrics['test_images'] - 1
  card = (run.folder / 'saved_model' / 'model_card.json').read_text()
  assert json.loads(card, parse_constant=refuse)['metrics'] == metrics


@pytest.mark.slow
def test_status_keeps_the_training_figures_and_commands_are_quoted(run, capsys):
  run.folder = run.folder.rename(run.folder.with_name('my run'))
  before = read_status(run.folder)
  results.write(run)
  after = read_status(run.folder)
  assert after['ended']
  for name in ('bits_per_dim', 'images_per_second', 'test'):
    assert after[name] == before[name]
  assert f"tfp-cinc sample '{run.folder}' --temp" in capsys.readouterr().out


def test_nonfinite_flow_writes_no_results(run):
  model = run.model
  for variable in [
    *model.density.trainable_variables,
    *model.average.variables,
  ]:
    if variable.dtype.is_floating:
      variable.assign(np.full(variable.shape, np.nan))
  files = [
    path for path in sorted(run.folder.rglob('*')) if path.name != 'status.json'
  ]
  before = [path.read_bytes() for path in files if path.is_file()]
  with pytest.raises(UserError, match='no test image has a finite density'):
    results.write(run)
  assert before == [path.read_bytes() for path in files if path.is_file()]
