"""Tests that bits/dim are right for distributions of known entropy."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from benchmarks.bits_per_dim.exactness import honesty
from tests.training import tiny
from tests.training.known_entropy import (
  GAUSSIAN_BITS,
  SIDE,
  SIGMA,
  A,
  reached,
  train_on,
  train_on_gaussian,
)
from tfp_cinc import bijectors, tree
from training.data.load import load_dataset
from training.loop import evaluation
from training.loop.evaluation import make_log_prob
from training.loop.model import build_flow
from training.loop.optimization.learning_rate import learning_rate_schedule
from training.loop.optimization.optimizer import build_optimizer
from training.loop.train_step import make_train_step
from training.loop.workers import Workers
from training.run_folder.config_file import read_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def gaussian(tmp_path_factory):
  """The folder of a short run on Gaussian images."""
  return train_on_gaussian(tmp_path_factory.mktemp('gaussian'))


def held_out_images(run):
  """Returns the test images of a run."""
  return load_dataset(read_config(run).data).test_images


def true_taps():
  """Returns the kernel [2, 2, 4, 4] that maps squeezed images to white noise.

  It is in the order of `CInCConv2D`: for flipped images, with the block of the
  pixel itself last.
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


def test_true_weights_have_the_entropy_of_the_gaussian(gaussian):
  flow = build_flow(read_config(gaussian), [SIDE, SIDE, 1])
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
  bits = evaluation.bits_per_dim(
    make_log_prob(flow),
    held_out_images(gaussian),
    num_bits=8,
    draws=2,
    batch_size=256,
  )
  assert np.mean(bits) == pytest.approx(GAUSSIAN_BITS, rel=3e-3)


def test_training_reaches_the_entropy_of_a_gaussian(gaussian):
  assert reached(gaussian) == pytest.approx(GAUSSIAN_BITS, rel=0.01)
  # Independent pixels would have a much larger entropy.
  values = held_out_images(gaussian) / 256
  difference = np.mean(np.log2(np.std(values, axis=0))) - np.log2(SIGMA)
  assert difference > 0.1 * GAUSSIAN_BITS


@pytest.mark.parametrize('dequantization', ['uniform', 'variational'])
def test_training_reaches_the_entropy_of_a_discrete_distribution(
  tmp_path, dequantization
):
  """Sums a correlated distribution over all 2x2 images of 4 bits."""
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
  """All 2x2 images of 2 bits and their probabilities; mostly dark or bright.

  Returns:
    images uint8 [256, 2, 2, 1], p [256].
  """
  levels = np.array(list(itertools.product(range(4), repeat=4)))
  dark = np.array([0.6, 0.3, 0.08, 0.02])
  p = (np.prod(dark[levels], 1) + np.prod(dark[::-1][levels], 1)) / 2
  return (64 * levels).astype(np.uint8).reshape([-1, 2, 2, 1]), p


def test_density_of_a_discrete_distribution_has_its_entropy(toy):
  images, p = toy
  table = tf.constant(np.log(p * 4.0**4))  # a bin has volume 4^-4

  def log_prob(values):
    levels = tf.cast(tfp_cinc.quantize(values, 2) // 64, tf.int32)
    places = tf.reshape(levels, [-1, 4]) @ [[64], [16], [4], [1]]
    return tf.gather(table, places[:, 0])

  bits = evaluation.bits_per_dim(
    log_prob, images, num_bits=2, draws=3, batch_size=100
  )
  entropy = -np.sum(p * np.log2(p)) / 4
  assert entropy < 1.7
  np.testing.assert_allclose(np.sum(p * bits), entropy, rtol=1e-6)


def test_bits_per_dim_are_an_integral_over_bins(toy):
  """Compares a flow that is not Gaussian with a sum over a fine grid."""
  images, p = toy
  config = tiny.get_config()
  config.flow.update(depth=2, hidden_channels=16, scale_function='tanh')
  flow = build_flow(config, [2, 2, 1])
  config.train.learning_rate = 0.02
  rate = learning_rate_schedule(config.train)
  optimizer = build_optimizer(config.train, flow, rate)
  train_step = make_train_step(
    flow, optimizer, Workers(), num_bits=2, clip_norm=1.0
  )
  drawn = np.random.default_rng(0).choice(256, [100, 256], p=p)
  for step, places in enumerate(drawn):
    values = tfp_cinc.dequantize(images[places], 2, seed=[step, 1])
    if not step:
      tfp_cinc.initialize_from_data(flow, values)
    train_step(values, tf.constant(False))
  log_prob = make_log_prob(flow)
  bits = evaluation.bits_per_dim(
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
  # It is a bound of the log-probabilities of the images.
  probabilities = volumes @ np.exp2(logs) / 4.0**4
  assert 0.5 < np.sum(probabilities) <= 1.0 + 1e-3
  exact = -np.sum(p * np.log2(probabilities)) / 4
  entropy = -np.sum(p * np.log2(p)) / 4
  assert entropy < exact < bound
