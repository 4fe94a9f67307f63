"""Flows as values: composite tensors that are copied and pickled."""

import copy
import pickle

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc import bijectors, models
from tfp_cinc.models import base

tfd = tfp.distributions

SHAPE = [4, 4, 2]
PATCHES = {
  'depth': 1,
  'num_layers': 1,
  'hidden_channels': 4,
  'patch_size': 2,
}
SMALL = {
  'ffjord': {'hidden_channels': 3},
  'iaf': {'depth': 1, 'hidden_channels': 3},
  'jet': PATCHES,
  'maf': {'depth': 1, 'hidden_channels': 3},
  'nice': {'depth': 1, 'hidden_channels': 3},
  'real_nvp': {'levels': 1, 'depth': 1, 'checkerboards': 1},
  'residual': {'depth': 1, 'hidden_channels': 3},
  'tarflow': PATCHES,
}


def make(name):
  options = SMALL.get(name, {'levels': 2, 'depth': 1, 'hidden_channels': 3})
  flow = getattr(models, name)(SHAPE, seed=0, **options)
  x = tf.random.stateless_uniform([2, *SHAPE], [0, 0]) - 0.5
  return flow, x, flow.log_prob(tf.identity(x))


@pytest.mark.parametrize('name', models.MODELS)
def test_is_copied_and_pickled(name):
  flow, x, log_prob = make(name)
  assert isinstance(flow, tfd.TransformedDistribution)
  ours = {id(variable) for variable in flow.variables}
  for other in (pickle.loads(pickle.dumps(flow)), copy.deepcopy(flow)):
    assert type(other) is type(flow)
    assert len(other.variables) == len(flow.variables)
    assert not ours & {id(variable) for variable in other.variables}
    np.testing.assert_array_equal(other.log_prob(tf.identity(x)), log_prob)
  other = flow.copy(name='another')
  assert ours == {id(variable) for variable in other.variables}


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=() if name == 'maf' else pytest.mark.slow)
    for name in models.MODELS
  ],
)
def test_is_an_argument_of_functions_and_loops(name):
  flow, x, log_prob = make(name)

  @tf.function(autograph=False)
  def in_loop(flow, x):
    return tf.while_loop(
      lambda *_: True,
      lambda flow, _: [flow, flow.log_prob(tf.identity(x))],
      [flow, tf.zeros([2])],
      maximum_iterations=1,
    )[1]

  np.testing.assert_allclose(in_loop(flow, x), log_prob, rtol=1e-5)


@pytest.mark.parametrize('method', ['log_prob', 'prob', 'local_measure'])
def test_densities_of_integers_are_refused(method):
  flow, x, log_prob = make('maf')
  density = getattr(flow, method, flow.experimental_local_measure)
  pixels = np.zeros([2, *SHAPE], np.uint8)
  for integers in (pixels, tf.constant(pixels), tf.cast(pixels, tf.int64)):
    with pytest.raises(ValueError, match=r'int.*; maf .*tfp_cinc.dequantize'):
      density(integers)
  with pytest.raises(ValueError, match='use `tfp_cinc'):
    flow.copy(name='maf').unnormalized_log_prob(pixels)
  for values in (x, x.numpy().astype(np.float64)):
    np.testing.assert_allclose(
      flow.unnormalized_log_prob(values), log_prob, rtol=1e-5
    )


def test_densities_of_other_shapes_are_refused():
  flow, x, _ = make('maf')
  for values in (x[..., :1], tf.tile(x, [1, 2, 1, 1]), tf.reshape(x, [-1])):
    with pytest.raises(
      ValueError, match=r'maf is a density of values \[\.\.\., '
    ):
      flow.log_prob(values)
  with pytest.raises(ValueError, match='string; maf is a density of floating'):
    flow.log_prob(np.array('abc'))


def test_a_shared_variable_is_shared_in_a_copy():
  layer = bijectors.trainable_act_norm(2)
  flow = base.flow_of(
    bijectors.Chain([layer, bijectors.ReverseChannels(), layer]),
    SHAPE,
    base.standard_normal(tf.float32),
    'twice',
  )
  assert len(flow.variables) == 3
  assert len(copy.deepcopy(flow).variables) == 3
