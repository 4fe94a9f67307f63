"""Distributions whose bits/dim are known, through the whole pipeline."""

import itertools
import json
import pathlib
import shlex
import shutil
import sys
import types

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from absl import flags
from ml_collections import config_flags

import tfp_cinc
from benchmarks.bits_per_dim import honesty
from benchmarks.bits_per_dim.__main__ import main
from benchmarks.bits_per_dim.layer_errors import layer_errors
from benchmarks.bits_per_dim.training_command import training_command
from tests import broken
from tests.training import tiny
from tfp_cinc import bijectors, tree
from training import evaluate, steps, workdir
from training.distributed import Workers
from training.errors import UserError
from training.optimization import build_optimizer
from training.run import load_run
from training.train import train

# Each pixel is A times the one below it, and A times the one to its right, less
# what the two have in common, and white noise of the deviation SIGMA.
A, SIGMA, SIDE = 0.7, 0.04, 8


def train_on(folder, train_images, test_images, **changes):
  """The workdir of a run of the training command on arrays of images."""
  np.savez(folder / 'data.npz', train=train_images, test=test_images)
  config = tiny.get_config()
  config.train.deterministic = False  # which would be so for all tests
  config.eval.noise_draws = 4
  config.data.name, config.data.dir = 'arrays', str(folder / 'data.npz')
  config.data.image_size = train_images.shape[1]
  config.flow.update(
    layers='cinc', padding='bottom_right', kernel_size=2, scale_function='tanh'
  )
  config.train.update(
    num_steps=200,
    batch_size=128,
    init_images=1024,
    learning_rate=0.03,
    schedule='cosine',
    ema_decay=0.9,
    warmup_steps=5,
    log_every=200,
    eval_every=200,
    checkpoint_every=200,
  )
  for part, values in changes.items():
    config[part].update(values)
  train(config, str(folder / 'run'))
  return folder / 'run'


def reached(run):
  """The bits/dim of test images that a run tells at its end."""
  return json.loads((run / 'metrics.json').read_text())['test_bits_per_dim']


def gaussian_images(number, seed):
  noise = np.random.default_rng(seed).normal(size=[SIDE, SIDE, number])
  x = np.zeros([SIDE + 1, SIDE + 1, number])
  for i, j in itertools.product(reversed(range(SIDE)), repeat=2):
    x[i, j] = A * (x[i + 1, j] + x[i, j + 1] - A * x[i + 1, j + 1])
    x[i, j] += SIGMA * noise[i, j]
  values = np.moveaxis(x[:-1, :-1], -1, 0)[..., np.newaxis]
  assert np.max(np.abs(values)) < 0.5
  return np.floor((values + 0.5) * 256).astype(np.uint8)


# The map from images to white noise has the determinant SIGMA^-(8 * 8).
GAUSSIAN_BITS = 0.5 * np.log2(2 * np.pi * np.e * SIGMA**2) + 8


@pytest.fixture(scope='module')
def gaussian(tmp_path_factory):
  """The workdir of a short run on Gaussian images."""
  return train_on(
    tmp_path_factory.mktemp('gaussian'),
    gaussian_images(8192, 0),
    gaussian_images(1024, 1),
    flow={'network_dtype': 'bfloat16'},
  )


@pytest.fixture(scope='module')
def record(gaussian, tmp_path_factory):
  """What the command measures of that run, and where it left it."""
  out = tmp_path_factory.mktemp('records')
  main(['--honesty', str(gaussian), '--out', str(out)])
  content = json.loads((out / 'honesty.json').read_text())
  return types.SimpleNamespace(out=out, **content)


def true_taps():
  """The kernel [2, 2, 4, 4] of the map to white noise between squeezed images.

  As `CInCConv2D` holds it: of flipped images, the pixel's own block the last.
  """
  kernel = np.zeros([2, 2, 4, 4])
  filtered = {(0, 0): 1.0, (1, 0): -A, (0, 1): -A, (1, 1): A * A}
  for (row, column), ((down, right), weight) in itertools.product(
    itertools.product(range(2), repeat=2), filtered.items()
  ):
    block_down, in_row = divmod(row + down, 2)
    block_right, in_column = divmod(column + right, 2)
    kernel[
      1 - block_down, 1 - block_right, 2 * in_row + in_column, 2 * row + column
    ] = weight
  return kernel


def test_true_weights_cost_a_gaussians_entropy(gaussian):
  run = load_run(str(gaussian))
  flow = steps.build_flow(run.config, [SIDE, SIDE, 1])
  (layer,), (norm,) = (
    [layer for layer in tree.subtree(flow) if isinstance(layer, kind)]
    for kind in (bijectors.CInCConv2D, bijectors.ActNorm)
  )
  kernel = true_taps()
  layer.parameters['taps'].assign(kernel.reshape([4, 4, 4])[:-1])
  block = layer.diagonal_block
  block.lower.assign(kernel[1, 1][np.tril_indices(4, -1)])
  norm.parameters['log_scale'].assign(np.full(4, -np.log(SIGMA)))
  np.testing.assert_allclose(block.dense(), kernel[1, 1], atol=1e-6)
  bits = evaluate.bits_per_dim(
    steps.make_log_prob(flow),
    run.dataset.test_images,
    num_bits=8,
    draws=2,
    batch_size=256,
  )
  assert np.mean(bits) == pytest.approx(GAUSSIAN_BITS, rel=3e-3)


def test_training_reaches_a_gaussians_entropy(gaussian):
  assert reached(gaussian) == pytest.approx(GAUSSIAN_BITS, rel=0.01)
  # Pixels without their correlations cost much more.
  values = load_run(str(gaussian)).dataset.test_images / 256
  alone = np.mean(np.log2(np.std(values, axis=0))) - np.log2(SIGMA)
  assert alone > 0.1 * GAUSSIAN_BITS


@pytest.mark.parametrize('dequantization', ['uniform', 'variational'])
def test_training_reaches_a_discrete_distributions_entropy(
  tmp_path, dequantization
):
  """A correlated one over all 2x2 images of 4 bits, which can be counted."""
  levels = np.array(list(itertools.product(range(16), repeat=4)))
  precision = np.linalg.inv(2.6**2 * (0.5 * np.eye(4) + 0.5))
  centred = levels - 7.5
  log_p = -0.5 * np.sum(centred @ precision * centred, axis=1)
  p = np.exp(log_p) / np.sum(np.exp(log_p))
  entropy = -np.sum(p * np.log2(p)) / 4
  draws = np.random.default_rng(0).choice(len(p), 8192 + 4096, p=p)
  images = (16 * levels[draws]).astype(np.uint8).reshape([-1, 2, 2, 1])
  run = train_on(
    tmp_path,
    images[:8192],
    images[8192:],
    data={'num_bits': 4},
    train={'dequantization': dequantization, 'noise_channels': 8},
  )
  assert reached(run) == pytest.approx(entropy, rel=0.01)
  if dequantization == 'variational':
    first, *others = honesty.measure(str(run), noise_draws=4)['densities']
    assert first['bits_per_dim'] == pytest.approx(reached(run), rel=1e-6)
    assert all(density['largest'] < 1e-5 for density in others)


@pytest.fixture(scope='module')
def toy():
  """All 2x2 images of 2 bits, and probabilities: mostly dark, or mostly bright.

  Returns:
    images uint8 [256, 2, 2, 1], p [256].
  """
  levels = np.array(list(itertools.product(range(4), repeat=4)))
  dark = np.array([0.6, 0.3, 0.08, 0.02])
  p = (np.prod(dark[levels], 1) + np.prod(dark[::-1][levels], 1)) / 2
  return (64 * levels).astype(np.uint8).reshape([-1, 2, 2, 1]), p


def test_the_density_of_a_discrete_distribution_costs_its_entropy(toy):
  images, p = toy
  table = tf.constant(np.log(p * 4.0**4))  # a bin has the volume 4^-4

  def log_prob(values):
    levels = tf.cast(tfp_cinc.quantize(values, 2) // 64, tf.int32)
    places = tf.reshape(levels, [-1, 4]) @ [[64], [16], [4], [1]]
    return tf.gather(table, places[:, 0])

  bits = evaluate.bits_per_dim(
    log_prob, images, num_bits=2, draws=3, batch_size=100
  )
  entropy = -np.sum(p * np.log2(p)) / 4
  assert entropy < 1.7
  np.testing.assert_allclose(np.sum(p * bits), entropy, rtol=1e-6)


def test_bits_per_dim_are_the_integral_over_bins(toy):
  """Of a flow that is no Gaussian, against a sum over a fine grid."""
  images, p = toy
  config = tiny.get_config()
  config.flow.update(depth=2, hidden_channels=16, scale_function='tanh')
  flow = steps.build_flow(config, [2, 2, 1])
  config.train.learning_rate = 0.02
  optimizer = build_optimizer(config.train, flow)
  train_step = steps.make_train_step(
    flow, optimizer, Workers(), num_bits=2, clip_norm=1.0
  )
  drawn = np.random.default_rng(0).choice(256, [100, 256], p=p)
  for step, places in enumerate(drawn):
    values = tfp_cinc.dequantize(images[places], 2, seed=[step, 1])
    if not step:
      tfp_cinc.initialize_from_data(flow, values)
    train_step(values, tf.constant(False))
  log_prob = steps.make_log_prob(flow)
  bits = evaluate.bits_per_dim(
    log_prob, images, num_bits=2, draws=100, batch_size=256
  )
  nodes, weights = np.polynomial.legendre.leggauss(5)
  noises = np.array(list(itertools.product((nodes + 1) / 2, repeat=4)))
  volumes = np.prod(list(itertools.product(weights / 2, repeat=4)), axis=1)
  values = [
    (images / 256 + noise.reshape([2, 2, 1]) / 4 - 0.5).astype(np.float32)
    for noise in noises
  ]
  logs = log_prob(tf.concat(values, 0)).numpy().reshape([-1, 256])
  logs = logs.astype(np.float64) / np.log(2)
  bound = -np.sum(p * (volumes @ logs)) / 4 + 2
  assert np.sum(p * bits) == pytest.approx(bound, rel=5e-3)
  # The bound is one: of the probabilities of the images, which are some.
  probabilities = volumes @ np.exp2(logs) / 4.0**4
  assert 0.5 < np.sum(probabilities) <= 1.0 + 1e-3
  exact = -np.sum(p * np.log2(probabilities)) / 4
  entropy = -np.sum(p * np.log2(p)) / 4
  assert entropy < exact < bound


def test_bits_per_dim_are_the_same_in_several_ways(record):
  flow, served, double, half = record.result['densities']
  assert flow['largest'] == 0
  assert flow['bits_per_dim'] == pytest.approx(GAUSSIAN_BITS, rel=0.01)
  assert served['largest'] < 1e-5
  # Not the same thing: rounding is seen.
  assert 0 < double['largest'] < 1e-5
  assert 1e-5 < half['largest'] < 0.05
  assert abs(half['mean']) < 5e-3


def test_each_layer_gives_back_what_it_was_given(record):
  layers = record.result['layers']
  assert [layer['kind'] for layer in layers] == [
    'ActNorm',
    'CInCConv2D',
    'BlockCoupling',
  ]
  for layer in layers:
    assert 0.1 < layer['largest_input'] < 10
    assert layer['float32'] < 1e-5
    assert layer['float64'] < 1e-13
  whole = record.result['whole']
  assert whole['float64'] < 1e-13 < whole['float32'] < 1e-5
  assert whole['changed_pixels'] == 0


def test_a_layer_that_is_not_undone_is_found():
  tfb, tfd = tfp.bijectors, tfp.distributions
  right = broken.Scaled(tf.constant(0.5), name='right')
  wrong = broken.WrongInverse(tf.constant(0.5), name='wrong')
  singular = broken.Scaled(tf.constant(-200.0), name='singular')
  encoder = tfb.Chain([singular, right, wrong], name='encoder')
  base = tfd.Sample(tfd.Normal(0.0, 1.0), [2, 2, 1])
  flow = tfd.TransformedDistribution(base, tfb.Invert(encoder))
  found = layer_errors(flow, tf.ones([3, 2, 2, 1]))
  assert [error.name for error in found] == [
    'encoder/wrong',
    'encoder/right',
    'encoder/singular',
  ]
  np.testing.assert_allclose(
    [error.error for error in found], [np.e - 1, 0, np.inf], atol=1e-6
  )
  np.testing.assert_allclose(
    [error.largest_input for error in found], np.exp([0, 0.5, 1]), rtol=1e-6
  )


def test_the_section_comes_from_the_record(record, gaussian, tmp_path):
  first = record.result['densities'][0]
  path = tmp_path / 'results.md'
  main(['--report', '--out', str(record.out), '--page', str(path)])
  text = path.read_text().partition('<!-- honesty -->')[2]
  for line in (
    f'--workdir {gaussian} && python -m benchmarks.bits_per_dim --honesty '
    f'{gaussian} --out {record.out}`',
    f'| the flow, float32 | {first["bits_per_dim"]:.6f}',
    '| the flow, networks in bfloat16 |',
    '| CInCConv2D | 1 |',
    '| the whole flow | 1 |',
  ):
    assert line in text
  assert record.machine in text


def test_the_training_command_is_of_the_same_configuration(
  gaussian, monkeypatch
):
  values = flags.FlagValues()
  config = config_flags.DEFINE_config_file('config', flag_values=values)
  flags.DEFINE_string('workdir', None, '', flag_values=values)
  words = shlex.split(training_command(str(gaussian)))
  assert words[:4] == ['python', '-m', 'training', 'train']
  monkeypatch.chdir(pathlib.Path(__file__).parents[2])
  monkeypatch.setattr(sys, 'argv', words[3:])  # where options of it are found
  values(words[3:])
  assert values.workdir == str(gaussian)
  expected = workdir.read_config(gaussian)
  assert workdir.flat(config.value.to_dict()) == workdir.flat(
    expected.to_dict()
  )


def test_the_training_command_has_the_run_s_workers(gaussian, tmp_path):
  for name in ('config.json', 'metrics.json'):
    shutil.copy(gaussian / name, tmp_path)
  alone = training_command(str(tmp_path))
  metrics = json.loads((tmp_path / 'metrics.json').read_text())
  (tmp_path / 'metrics.json').write_text(json.dumps(metrics | {'workers': 2}))
  assert training_command(str(tmp_path)) == 'horovodrun --gloo -np 2 ' + alone
  (tmp_path / 'metrics.json').unlink()
  assert training_command(str(tmp_path)) == alone


def test_a_configuration_of_other_code_has_no_training_command(
  gaussian, tmp_path
):
  content = json.loads((gaussian / 'config.json').read_text())
  content['config']['flow']['glue'] = 1
  (tmp_path / 'config.json').write_text(json.dumps(content))
  with pytest.raises(UserError, match='made by other code'):
    training_command(str(tmp_path))


def test_bad_calls(capsys, tmp_path):
  with pytest.raises(SystemExit) as ended:
    main(['--honesty', str(tmp_path)])
  assert ended.value.code == 2
  assert 'holds no run' in capsys.readouterr().err
  with pytest.raises(SystemExit) as ended:
    main(['--honesty', str(tmp_path), '--report'])
  assert 'call it without --compare' in capsys.readouterr().err
