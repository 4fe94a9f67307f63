"""Tests of the small version of every configuration."""

import pytest
import tensorflow as tf

import tfp_cinc
from tests.training.data.helpers import batches
from training.configs.loading import config_names, load_config
from training.configs.options import check_values
from training.configs.smoke import reduce_if_smoke
from training.data.condition import find_condition
from training.data.load import load_dataset
from training.loop.model import build_flow
from training.loop.optimization.learning_rate import learning_rate_schedule
from training.loop.optimization.optimizer import build_optimizer
from training.loop.train_step import make_train_step
from training.loop.workers import Workers


@pytest.mark.parametrize('name', config_names())
def test_small_version_builds(name):
  config, full = load_config(name), load_config(name)
  assert reduce_if_smoke(config).to_json() == full.to_json()
  config.smoke = True
  reduced = reduce_if_smoke(config).to_json()
  assert reduce_if_smoke(config).to_json() == reduced
  check_values(config)
  largest = 32 if name == 'tarflow_imagenet64' else 64  # patches of 2x2
  size = min(full.data.image_size, largest)
  gray = full.data.name == 'digits' or full.data.tfds_name == 'mnist'
  shape = (size, size, 1 if gray else 3)
  dataset = load_dataset(config.data)
  assert dataset.name == 'made-up images'
  assert dataset.image_shape == shape
  flow = build_flow(config, shape, find_condition(config, dataset))
  assert flow.event_shape == shape
  assert tfp_cinc.math.parameter_count(flow) < 1e6
  assert config.flow.levels == full.flow.levels
  assert (config.flow.num_layers is None) == (full.flow.num_layers is None)


@pytest.mark.parametrize(
  'name', ['cinc_quad_galaxy', 'shift_conv_cifar10', 'nice_mnist']
)
def test_small_version_trains(name):
  config = load_config(name)
  config.smoke = True
  reduce_if_smoke(config)
  dataset = load_dataset(config.data)
  flow = build_flow(config, dataset.image_shape)
  num_bits = config.data.num_bits
  options = {'num_bits': num_bits, 'batch_size': 2}
  images = [tf.constant(x) for x in batches(dataset, 4, **options)]
  tfp_cinc.initialize_from_data(flow, tf.concat(images, 0))
  rate = learning_rate_schedule(config.train, steps_per_epoch=8.0)
  train_step = make_train_step(
    flow,
    build_optimizer(config.train, flow, rate),
    Workers(),
    num_bits=num_bits,
    clip_norm=config.train.clip_norm,
  )
  variables = flow.trainable_variables
  before = [variable.numpy() for variable in variables]
  for step in range(config.train.num_steps):
    metrics = train_step(images[step], tf.constant(False))
    assert not metrics['skipped']
    assert 0 < metrics['bits_per_dim'] < 20
  after = [variable.numpy() for variable in variables]
  assert all(tf.reduce_all(tf.math.is_finite(values)) for values in after)
  assert any((x != y).any() for x, y in zip(before, after, strict=True))
