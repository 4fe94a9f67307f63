"""Tests of a run whose training images have Gaussian noise."""

import contextlib
import io
import json
import types

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tests.training import tiny
from tests.training.png import read_png
from training.commands import main
from training.data.batches import configured_batches
from training.loop import evaluation
from training.loop.evaluation import make_log_prob
from training.loop.flow_with_noise import full_precision
from training.loop.run import Run
from training.loop.train import train
from training.loop.workers import Workers
from training.trained import open_flow

pytestmark = pytest.mark.slow

SCALE = 0.1
LABELS = {'labels': np.int32([3, 8, 3])}


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  """A run given the class of a digit: its folder, output, run and flow."""
  folder = tmp_path_factory.mktemp('gaussian_noise') / 'run'
  config = tiny.get_config()
  config.flow.condition = 'label'
  config.train.dequantization = 'gaussian'
  config.train.noise_scale = SCALE
  config.train.learning_rate = 1e-2
  config.train.deterministic = False
  config.eval.num_classified = 4
  with contextlib.redirect_stdout(io.StringIO()) as out:
    train(config, str(folder))
  run = Run(config, folder, Workers())
  run.checkpoints.restore()
  run.model.average.apply()
  flow = full_precision(run.model.flow)
  return types.SimpleNamespace(
    folder=folder, out=out.getvalue(), run=run, flow=flow
  )


def test_training_images_have_the_noise_and_test_images_do_not(trained):
  run = trained.run
  images, _ = next(iter(configured_batches(run.config, run.dataset, 8)))
  assert np.mean(np.abs(images) > 0.5) > 0.1
  metrics = json.loads((trained.folder / 'metrics.json').read_text())
  assert metrics['training_noise'] == 'gaussian'
  assert metrics['noise_scale'] == SCALE
  assert metrics['dequantization'] == 'uniform'
  assert 'Gaussian training noise 0.1) after' in trained.out
  bits = evaluation.bits_per_dim(
    make_log_prob(run.model.flow, condition=run.model.condition),
    run.dataset.test_images,
    num_bits=8,
    draws=2,
    batch_size=64,
    conditions=run.held_out_conditions(),
  )
  np.testing.assert_allclose(
    metrics['test_bits_per_dim'], np.mean(bits), rtol=1e-5
  )


@pytest.mark.parametrize('part', ['.', 'saved_model'])
@pytest.mark.parametrize('guidance', [0.0, 1.0])
def test_samples_of_run_and_saved_model_are_denoised(trained, part, guidance):
  flow = open_flow(trained.folder / part)
  assert flow.noise_scale == SCALE
  labels = tf.constant(LABELS['labels'])
  noisy = tfp_cinc.sample_guided(
    trained.flow, labels, [3], guidance, seed=[5, 0]
  )
  given = tfp_cinc.given(trained.flow, labels)
  clean = tfp_cinc.denoise(given, noisy, SCALE)
  for denoise, values in ((None, clean), (True, clean), (False, noisy)):
    found = flow.sample(
      3, seed=5, condition=LABELS, guidance=guidance, denoise=denoise
    )
    expected = tfp_cinc.quantize(values).numpy().astype(int)
    assert np.max(np.abs(found - expected)) <= 1
  assert np.max(np.abs(clean - noisy)) > 0.01


def test_pictures_of_the_run_are_denoised(trained):
  clean, noisy = (
    evaluation.sample(
      trained.flow,
      3,
      temperature=0.7,
      num_bits=8,
      condition=tf.one_hot([3, 8, 3], 10),
      noise_scale=scale,
    )
    for scale in (SCALE, 0.0)
  )
  found = open_flow(trained.folder).sample(3, 0.7, condition=LABELS)
  assert np.max(np.abs(found - clean.astype(int))) <= 1
  assert np.any(clean != noisy)


def test_commands_say_which_noise(trained, tmp_path, capsys, monkeypatch):
  monkeypatch.chdir(tmp_path)
  path = str(trained.folder / 'saved_model')
  sample = ['sample', path, '--condition', '3', '--number', '4']
  main(sample)
  main([*sample, '--no-denoise'])
  assert capsys.readouterr().out.split('\n')[:2] == [
    'Wrote samples_3_1_0.png',
    'Wrote samples_3_noisy_1_0.png',
  ]
  pictures = [
    read_png(tmp_path / f'samples_3_{name}1_0.png') for name in ('', 'noisy_')
  ]
  assert np.any(pictures[0] != pictures[1])
  main(['evaluate', path, '--limit', '8', '--noise-draws', '1'])
  assert 'Trained with Gaussian noise of scale 0.1' in capsys.readouterr().out
