"""What a run leaves at its end where not all is finite."""

import json
import shutil

import numpy as np
import pytest

from training import evaluate, results
from training.errors import UserError
from training.run import load_run


@pytest.fixture
def run(used, tmp_path):
  return load_run(shutil.copytree(used[0], tmp_path / 'run'))


def test_an_image_without_a_finite_density(run, monkeypatch):
  bits_per_dim = evaluate.bits_per_dim

  def one_infinite(*args, **kwargs):
    bits = bits_per_dim(*args, **kwargs)
    bits[1] = np.inf
    return bits

  monkeypatch.setattr('training.evaluate.bits_per_dim', one_infinite)
  results.write(run)

  def refuse(constant):
    raise AssertionError(f'{constant} is no JSON')

  text = (run.folder / 'metrics.json').read_text()
  metrics = json.loads(text, parse_constant=refuse)
  assert metrics['test_bits_per_dim'] is None
  assert metrics['finite_test_images'] == metrics['test_images'] - 1
  card = (run.folder / 'saved_model' / 'model_card.json').read_text()
  assert json.loads(card, parse_constant=refuse)['metrics'] == metrics


def test_a_flow_without_finite_densities_replaces_nothing(run):
  for variable in [*run.density.trainable_variables, *run.average.variables]:
    if variable.dtype.is_floating:
      variable.assign(np.full(variable.shape, np.nan))
  files = [
    path for path in sorted(run.folder.rglob('*')) if path.name != 'status.json'
  ]
  before = [path.read_bytes() for path in files if path.is_file()]
  with pytest.raises(UserError, match='no test image has a finite density'):
    results.write(run)
  assert before == [path.read_bytes() for path in files if path.is_file()]
