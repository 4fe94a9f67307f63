"""Tests of whole runs of conditional flows."""

import json

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from tests.programs import processes
from tests.training import tiny
from tests.training.png import read_png, write_png
from training.errors import UserError
from training.loop.train import train
from training.run_folder.config_file import read_data_facts
from training.trained.from_run import restore_run

pytestmark = pytest.mark.slow

CLASSES = ('eight', 'one', 'zero')  # in the order of their labels


@pytest.fixture
def config(tmp_path):
  """A configuration for a folder of digits with a sub-folder for each class."""
  digits = load_digits()
  for name, digit in zip(CLASSES, (8, 1, 0), strict=True):
    for i, pixels in enumerate(digits.images[digits.target == digit][:30]):
      image = (15 * pixels).astype(np.uint8)[..., np.newaxis]
      write_png(tmp_path / 'images' / name / f'{i}.png', image)
  config = tiny.get_config()
  config.train.deterministic = False
  config.data.update(name='folder', dir=str(tmp_path / 'images'), channels=1)
  config.flow.condition = 'label'
  return config


def metrics_of(folder):
  return json.loads((folder / 'metrics.json').read_text())


def test_run_given_classes_of_a_folder_is_trained_and_resumed(config, tmp_path):
  run = tmp_path / 'run'
  train(config, str(run))
  facts = read_data_facts(run)
  assert (facts['num_classes'], facts['label_names']) == (3, [*CLASSES])
  metrics = metrics_of(run)
  assert metrics['condition'] == 'label'
  assert metrics['classified_test_images'] == metrics['test_images'] == 9
  assert 0 <= metrics['test_accuracy'] <= 1
  by_class = metrics['test_bits_per_dim_by_class']
  assert by_class.keys() <= {*CLASSES}
  low, high = min(by_class.values()), max(by_class.values())
  assert low <= metrics['test_bits_per_dim'] <= high
  assert read_png(run / 'samples.png').shape[0] > 3 * 96
  model = tf.saved_model.load(str(run / 'saved_model'))
  assert model.signatures['sample'].structured_input_signature[1]['labels']
  assert restore_run(run).model.condition.class_names == CLASSES
  config.train.num_steps = 8
  train(config, str(run))
  assert metrics_of(run)['step'] == 8
  (tmp_path / 'images' / 'zero').rename(tmp_path / 'images' / 'null')
  with pytest.raises(UserError, match=r"label_names was .*'zero'.* and is"):
    train(config, str(run))


def test_run_given_a_map(config, tmp_path):
  config.flow.condition = 'mask'
  config.eval.num_images = 4  # fewer than are drawn
  train(config, str(tmp_path / 'run'))
  metrics = metrics_of(tmp_path / 'run')
  assert metrics['condition'] == 'mask'
  assert np.isfinite(metrics['test_bits_per_dim'])
  assert 'test_accuracy' not in metrics


def test_two_workers_train_what_one_worker_trains(tmp_path):
  found = []
  for workers in (1, 2):
    folder = tmp_path / str(workers)
    options = ('--config.flow.condition=label', '--config.train.num_steps=10')
    code, _, error = processes.train(folder, *options, workers=workers)
    assert code == 0, error
    found.append(metrics_of(folder))
  one, two = (metrics['test_bits_per_dim'] for metrics in found)
  assert two == pytest.approx(one, rel=1e-4)
