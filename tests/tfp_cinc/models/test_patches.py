"""Jet and TarFlow: what is special to flows of patches."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tfp_cinc import bijectors, models
from tfp_cinc.tree import layers

SMALL = {'num_layers': 1, 'hidden_channels': 8, 'seed': 0}


def test_jet_alternates_couplings_of_channels_and_of_pixels():
  flow = models.jet([4, 4, 1], patch_size=2, depth=12, **SMALL)
  found = [
    (layer.bijector.mask, layer.bijector.kept)
    if isinstance(layer.bijector, bijectors.MaskedCoupling)
    else 'channels'
    for layer in layers(flow)
    if isinstance(
      layer.bijector, bijectors.BlockCoupling | bijectors.MaskedCoupling
    )
  ]
  four = ['channels'] * 4
  assert found == [
    *four,
    ('checkerboard', 'first'),
    *four,
    ('checkerboard', 'second'),
    *four[:2],
  ]


def test_jet_expands_each_value_by_at_most_2_in_a_coupling():
  flow = models.jet([4, 4, 1], patch_size=2, depth=4, **SMALL)
  for variable in flow.trainable_variables:
    variable.assign_add(tf.ones_like(variable) * 10.0)
  x = tf.random.stateless_uniform([5, 4, 4, 1], [0, 0]) - 0.5
  encoder = flow.bijector.bijector
  log_det = encoder.forward_log_det_jacobian(x)
  # 16 values, first times 2; a coupling changes half of them.
  assert np.all(log_det <= 16 * np.log(2) * (1 + 4 / 2) + 1e-4)


@pytest.mark.parametrize(
  ('name', 'kinds'),
  [
    ('shuffle', [bijectors.ShuffleChannels]),
    ('one_by_one+cinc', [bijectors.OneByOneConv2D, bijectors.CInCConv2D]),
    ('inverse_cinc', [bijectors.CInCConv2D]),
  ],
)
def test_jet_takes_layers_between_its_couplings(name, kinds):
  flow = models.jet([4, 4, 1], patch_size=2, depth=2, layers=name, **SMALL)
  for kind in kinds:
    found = [x for x in layers(flow) if isinstance(x.bijector, kind)]
    assert len(found) == 2
    # `Inverse` swaps the directions of the solve and the convolution.
    assert all(x.invert == ('inverse' in name) for x in found)
  x = flow.sample(3, seed=[0, 1])
  assert np.all(np.isfinite(flow.log_prob(tf.identity(x))))


def test_tarflow_alternates_the_order_and_takes_a_solver_for_each_block():
  flow = models.tarflow(
    [4, 4, 1], depth=3, solver=['jacobi', 'cache', 'cache'], **SMALL
  )
  blocks = [
    layer.bijector
    for layer in layers(flow)
    if isinstance(layer.bijector, bijectors.AutoregressiveTransformer)
  ]
  assert [b.network.order for b in blocks] == ['raster', 'reversed', 'raster']
  assert [b.solver for b in blocks] == ['jacobi', 'cache', 'cache']


def test_blocks_of_one_order_share_a_trace():
  flow = models.tarflow([4, 4, 1], depth=6, **SMALL)
  log_prob = tf.function(flow.log_prob, autograph=False)
  graph = log_prob.get_concrete_function(tf.zeros([2, 4, 4, 1])).graph
  functions = [
    f
    for f in graph.as_graph_def().library.function
    if 'evaluate' in f.signature.name
  ]
  assert len(functions) == 2


@pytest.mark.parametrize(
  ('model', 'options', 'message'),
  [
    (models.jet, {'patch_size': 3}, 'not divisible by `patch_size` = 3'),
    (models.jet, {'depth': 0}, '`depth` is 0'),
    (models.jet, {'layers': 'cink'}, "'cink'"),
    (
      models.jet,
      {'network': lambda inputs, outputs: None},
      'Add `\\*\\*options`',
    ),
    (models.jet, {'patch_size': 1}, 'larger patches'),
    (models.tarflow, {'patch_size': 0}, '`patch_size` is 0'),
    (models.tarflow, {'depth': 2, 'solver': ['cache']}, '`solver` has 1'),
    (models.tarflow, {'solver': 'newton'}, "'newton'"),
    (models.tarflow, {'conditional_base': True}, 'condition'),
  ],
)
def test_bad_arguments_are_named(model, options, message):
  with pytest.raises(ValueError, match=message):
    model([4, 4, 1], **SMALL | options)


def test_tarflow_samples_the_same_in_parts_of_a_batch():
  flow = models.tarflow([4, 4, 1], depth=2, condition_channels=2, **SMALL)
  rng = np.random.default_rng(0)
  for variable in flow.trainable_variables:
    variable.assign_add(0.1 * rng.normal(size=variable.shape))
  given = tfp_cinc.given(flow, [0, 1])
  z = tf.random.stateless_normal([3, 2, 4, 4, 1], [0, 0])
  together = given.bijector.forward(tf.identity(z))
  for label in (0, 1):
    alone = tfp_cinc.given(flow, label).bijector.forward(z[:, label])
    np.testing.assert_allclose(together[:, label], alone, atol=1e-5)
