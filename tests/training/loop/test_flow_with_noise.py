"""Tests of flows that are trained with learned dequantization noise."""

import contextlib
import io
import json
import pathlib
import types

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tests.training import tiny
from tfp_cinc.saved_model import fixed_noise
from tfp_cinc.variational_dequantization import (
  trainable_variational_dequantization,
)
from training.commands import main
from training.loop import evaluation, tensorboard
from training.loop.evaluation import make_log_prob
from training.loop.flow_with_noise import FlowWithNoise
from training.loop.model import build_flow
from training.loop.run import Run
from training.loop.train import train
from training.loop.train_step import make_train_step
from training.loop.workers import Workers
from training.trained import open_flow

pytestmark = pytest.mark.slow

SHAPE = [4, 4, 1]
BITS = 3


def variational_config():
  """Returns a configuration with wide bins, so that the noise matters."""
  config = tiny.get_config()
  config.data.num_bits = 2
  config.train.dequantization = 'variational'
  config.train.noise_channels = 8
  config.train.learning_rate = 1e-2
  # The setting would stay for all other tests of this process.
  config.train.deterministic = False
  return config


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  """A run with learned noise: its folder, output, model and test images."""
  folder = str(tmp_path_factory.mktemp('learned_noise') / 'run')
  config = variational_config()
  config.flow.levels = 2
  config.train.num_steps = 150
  config.train.batch_size = 32
  config.train.ema_decay = 0.9
  config.train.log_every = 150
  config.train.eval_every = 150
  config.train.checkpoint_every = 150
  config.eval.batch_size = 32
  with contextlib.redirect_stdout(io.StringIO()) as out:
    train(config, folder)
  run = Run(config, folder, Workers())
  run.checkpoints.restore()
  run.model.average.apply()
  return types.SimpleNamespace(
    folder=folder,
    out=out.getvalue(),
    run=run,
    model=run.model,
    images=run.dataset.test_images[:50],
  )


def bits(density, images):
  return evaluation.bits_per_dim(
    make_log_prob(density), images, num_bits=2, draws=2, batch_size=32
  )


def noise_away_from_its_start(dtype=tf.float32):
  noise = trainable_variational_dequantization(
    SHAPE, hidden_channels=8, seed=0, dtype=dtype
  )
  rng = np.random.default_rng(1)
  for variable in noise.trainable_variables:
    variable.assign_add(0.2 * rng.normal(size=variable.shape))
  return noise


def uniform_images(number):
  rng = np.random.default_rng(2)
  pixels = rng.integers(0, 256, [number, *SHAPE], np.uint8)
  u = rng.uniform(0.01, 0.99, pixels.shape)
  return pixels, u, (pixels // 2 ** (8 - BITS) + u) / 2**BITS - 0.5


def test_density_is_the_bound_of_variational_dequantization():
  noise = noise_away_from_its_start()
  flow = build_flow(tiny.get_config(), SHAPE)
  density = FlowWithNoise(flow, noise, BITS)
  pixels, u, values = uniform_images(5)
  values = values.astype(np.float32)
  x, log_q = noise.dequantize(pixels, BITS, noise=u)
  moved, _ = density.move(values)
  np.testing.assert_allclose(moved, x, atol=1e-5)
  np.testing.assert_array_equal(
    tfp_cinc.quantize(moved, BITS), tfp_cinc.quantize(values, BITS)
  )
  assert np.max(np.abs(moved - values)) > 0.1 / 2**BITS
  np.testing.assert_allclose(
    density.log_prob(values), flow.log_prob(x) - log_q, rtol=1e-4
  )
  not_finite = tf.tensor_scatter_nd_update(values, [[0, 1, 2, 0]], [np.nan])
  assert list(np.isfinite(density.log_prob(not_finite))) == [False] + 4 * [True]


def test_log_q_is_the_log_det_of_the_map():
  """Compares log q with -log|df/dx| of the dense Jacobian, in float64."""
  density = FlowWithNoise(None, noise_away_from_its_start(tf.float64), BITS)
  values = tf.constant(uniform_images(1)[2])
  with tf.GradientTape() as tape:
    tape.watch(values)
    moved, log_q = density.move(values)
  jacobian = np.reshape(tape.jacobian(moved, values), [16, 16])
  np.testing.assert_allclose(
    log_q, [-np.linalg.slogdet(jacobian)[1]], atol=1e-8
  )


def test_training_makes_the_bound_tighter(trained):
  model, images = trained.model, trained.images
  learned, uniform = bits(model.density, images), bits(model.flow, images)
  assert np.mean(learned) < np.mean(uniform) - 0.02
  assert np.mean(learned < uniform) > 0.8
  start = Run(trained.run.config, '/nonexistent', Workers()).model
  for before, after in zip(
    start.noise.variables, model.noise.variables, strict=True
  ):
    assert np.any(before != after)


def test_reported_bits_per_dim_include_the_learned_noise(trained, capsys):
  density, images = trained.model.density, trained.images
  assert 'variational noise) after 150 steps' in trained.out
  folder = pathlib.Path(trained.folder)
  metrics = json.loads((folder / 'metrics.json').read_text())
  assert metrics['dequantization'] == 'variational'
  everything = np.mean(bits(density, trained.run.dataset.test_images))
  np.testing.assert_allclose(
    metrics['test_bits_per_dim'], everything, atol=1e-5
  )
  expected = bits(density, images)
  flow = open_flow(folder)
  np.testing.assert_allclose(flow.bits_per_dim(images, 2), expected, atol=1e-5)
  main(['evaluate', str(folder), '--noise-draws', '2'])
  first = capsys.readouterr().out.splitlines()[0]
  assert f'bits/dim {everything:.4f}' in first
  assert '2 draws of variational noise each' in first
  values = tfp_cinc.dequantize(images, 2, seed=[0, 0])
  levels = tensorboard.describe(density, values, 2).levels
  mean = tfp_cinc.bits_per_dim(density.log_prob(values), [8, 8, 1], 2)
  np.testing.assert_allclose(sum(levels), np.mean(mean), atol=1e-5)


def test_exported_model_has_the_noise(trained):
  model = open_flow(f'{trained.folder}/saved_model')
  assert model.noise == 'variational'
  np.testing.assert_allclose(
    model.bits_per_dim(trained.images, 2),
    bits(trained.model.density, trained.images),
    atol=1e-4,
  )
  loaded = tf.saved_model.load(f'{trained.folder}/saved_model')
  by_images = loaded.signatures['log_prob'](images=tf.constant(trained.images))
  uniform = fixed_noise(trained.images.shape[1:])
  values, log_q = trained.model.noise.dequantize(
    trained.images, 2, noise=uniform
  )
  expected = trained.model.flow.log_prob(values) - log_q
  np.testing.assert_allclose(by_images['log_prob'], expected, rtol=1e-4)
  np.testing.assert_allclose(
    by_images['bits_per_dim'],
    tfp_cinc.bits_per_dim(expected, trained.images.shape[1:], 2),
    atol=1e-4,
  )
  np.testing.assert_allclose(
    tf.reduce_sum(by_images['bits_per_dim_by_level'], axis=-1),
    by_images['bits_per_dim'],
    atol=1e-5,
  )
  nothing = loaded.signatures['log_prob'](
    images=tf.constant(trained.images[:0])
  )
  assert nothing['log_prob'].shape == [0]


def test_resumed_run_equals_an_unbroken_one(tmp_path):
  """Compares 4 steps with 2 further steps from the checkpoint of step 2."""

  def train_on(first_step):
    run = Run(variational_config(), tmp_path, Workers())
    run.start()
    state = run.state
    assert int(state.step) == first_step
    train_step = make_train_step(
      run.model.density,
      state.optimizer,
      run.workers,
      num_bits=2,
      clip_norm=1.0,
      average=run.model.average,
    )
    for images in run.batches():
      if int(state.step) == 2:
        run.checkpoints.save(2)
      if int(state.step) == 4:
        run.checkpoints.wait()
        return state.variables
      train_step(images, tf.constant(False))
      state.complete_step(len(images), skipped=False)

  unbroken, resumed = train_on(0), train_on(2)
  assert len(unbroken) > 50
  for ours, theirs in zip(resumed, unbroken, strict=True):
    np.testing.assert_array_equal(ours, theirs, err_msg=ours.name)


def test_workers_share_the_noise(trained):
  shared = {id(variable) for variable in trained.run.state.variables}
  for part in (trained.model.flow, trained.model.noise):
    assert part.variables
    assert shared.issuperset(map(id, part.variables))
