"""Tests of evaluation: densities in parts and in full precision."""

import numpy as np
import tensorflow as tf

import tfp_cinc
from tests.training import tiny
from training.loop import evaluation
from training.loop.evaluation import make_log_prob
from training.loop.model import build_flow

SHAPE = [4, 4, 1]


def images(seed=0, number=8):
  return tf.random.stateless_uniform([number, *SHAPE], [seed, 0]) - 0.5


def test_log_prob_in_parts():
  flow = build_flow(tiny.get_config(), SHAPE)
  tfp_cinc.initialize_from_data(flow, images())
  whole, in_parts = make_log_prob(flow), make_log_prob(flow, 3)
  for number in (1, 3, 8):
    some = images(1, number)
    np.testing.assert_allclose(in_parts(some), whole(some), rtol=1e-5)


def test_evaluation_is_in_full_precision():
  config = tiny.get_config()
  flows = []
  for network_dtype in ('float32', 'bfloat16'):
    config.flow.network_dtype = network_dtype
    flow = build_flow(config, SHAPE)
    for i, variable in enumerate(flow.trainable_variables):
      variable.assign_add(
        0.1 * tf.random.stateless_normal(variable.shape, [i, 0])
      )
    flows.append(flow)
  full, half = flows
  expected = full.log_prob(images())
  assert np.max(np.abs(half.log_prob(images()) - expected)) > 1e-4
  np.testing.assert_allclose(make_log_prob(half)(images()), expected, rtol=1e-6)
  batch = np.arange(32, dtype=np.uint8).reshape([2, *SHAPE])
  assert evaluation.reconstruct(half, batch, num_bits=8)[1] < 1e-5
