"""Tests of our flows in training for a comparison."""

import dataclasses

import numpy as np
import tensorflow as tf

from benchmarks.bits_per_dim import trained
from tests.benchmarks.test_bits_per_dim import RUN, TINY
from training.loop import evaluation
from training.loop.model import build_model


def test_learned_noise_is_an_option(monkeypatch):
  models = []

  def recorded(*arguments):
    models.append(build_model(*arguments))
    return models[-1]

  monkeypatch.setattr(trained, 'build_model', recorded)
  options = {
    **TINY.options,
    'train.dequantization': 'variational',
    'train.noise_channels': 4,
  }
  variational = dataclasses.replace(TINY, options=options)
  pixels = np.random.default_rng(0).integers(0, 256, [8, 8, 8, 1], np.uint8)
  images = tf.random.stateless_uniform([8, 8, 8, 1], [0, 0]) - 0.5
  flow, alone = (
    trained.build(model, config, trained.start(model, config), images)
    for model, config in (
      (model, model.full_config(RUN)) for model in (variational, TINY)
    )
  )
  assert flow.parameters > alone.parameters
  noise = models[0].noise.trainable_variables
  start = [variable.numpy() for variable in noise]

  def bits():
    with flow.evaluating() as log_prob:
      return evaluation.bits_per_dim(
        log_prob, pixels, num_bits=8, draws=1, batch_size=8
      )

  before = bits()
  for _ in range(2):
    assert flow.step(images, 1e-2)
  after = bits()
  for variable, value in zip(noise, start, strict=True):
    assert np.any(variable != value), variable.name
  assert np.all(np.isfinite(after))
  assert np.all(after != before)
  with flow.sampling(2) as sample:
    assert sample().shape == (2, 8, 8, 1)


def test_timed_samples_use_all_cores_for_each_operation(monkeypatch):
  asked = []
  monkeypatch.setattr(
    trained, 'Workers', lambda images=None: asked.append(images)
  )
  config = TINY.full_config(RUN)
  trained.start(TINY, config)
  trained.start(TINY, config, samples=2)
  assert asked[0](1) == config.train.batch_size
  assert asked[1] is None
