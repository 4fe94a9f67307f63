"""Tests that bad input is refused in one sentence."""

import pytest
import tensorflow as tf

from tfp_cinc import bijectors, matrices, models, networks


def coupling():
  network = networks.trainable_glow_network(1, 2, hidden_channels=3)
  return bijectors.AffineCoupling(network)


LAYERS = {
  'act_norm': lambda: bijectors.trainable_act_norm(2),
  'one_by_one': lambda: bijectors.trainable_one_by_one_conv2d(2),
  'cinc': lambda: bijectors.trainable_cinc_conv2d(2),
  'shift': lambda: bijectors.trainable_shift_conv2d(2),
  'periodic': lambda: bijectors.trainable_periodic_conv2d(2),
  'coupling': coupling,
  'squeeze': bijectors.Squeeze,
  'flow': lambda: (
    models.glow([4, 4, 2], levels=1, depth=1, hidden_channels=3).bijector
  ),
}


def traced(function, shape):
  spec = tf.TensorSpec(shape, tf.float32)
  traced = tf.function(function, input_signature=[spec], autograph=False)
  return traced.get_concrete_function()


@pytest.mark.parametrize('name', LAYERS)
def test_the_rank_of_an_input(name):
  layer = LAYERS[name]()
  for method in (layer.forward, layer.inverse, layer.forward_and_log_det):
    with pytest.raises(
      ValueError, match=r'shape \(\); this layer needs a rank'
    ):
      method(1.0)
    with pytest.raises(
      ValueError, match='has unknown rank; this layer needs a'
    ):
      traced(method, None)


@pytest.mark.parametrize('name', ['cinc', 'periodic', 'coupling', 'squeeze'])
def test_an_unknown_number_of_channels(name):
  layer = LAYERS[name]()
  for method in (layer.forward, layer.inverse):
    with pytest.raises(ValueError, match='unknown number of channels; set it'):
      traced(method, [None, 4, 4, None])


@pytest.mark.parametrize('dtype', [tf.float16, tf.bfloat16, tf.int32])
@pytest.mark.parametrize(
  'make',
  [
    bijectors.trainable_act_norm,
    bijectors.trainable_cinc_conv2d,
    bijectors.trainable_planar,
    bijectors.trainable_channel_affine,
  ],
)
def test_a_dtype_that_layers_do_not_have(make, dtype):
  with pytest.raises(ValueError, match='layers have float32 or float64'):
    make(3, dtype=dtype)


@pytest.mark.parametrize(
  ('make', 'arguments', 'message'),
  [
    (bijectors.trainable_act_norm, [3.5], '`channels` is 3.5; it must be an'),
    (bijectors.trainable_channel_affine, [0], '`channels` is 0; it must be at'),
    (bijectors.trainable_cinc_conv2d, [3.5], '`channels` is 3.5; it must be'),
    (
      bijectors.trainable_cinc_conv2d,
      [3, (3, 0)],
      r'`kernel_size` is \(3, 0\); it must be an integer',
    ),
    (
      bijectors.trainable_autoregressive_conv2d,
      [3, 2.5],
      '`kernel_size` is 2.5; it must be an integer',
    ),
    (bijectors.trainable_emerging_conv2d, [3, '3'], "`kernel_size` is '3'; it"),
    (
      bijectors.trainable_periodic_conv2d,
      [3, 0],
      '`kernel_size` is 0; it must',
    ),
    (
      bijectors.trainable_one_by_one_conv2d,
      [2.0],
      '`channels` is 2.0; it must',
    ),
    (bijectors.trainable_planar, [2.0], '`size` is 2.0; it must be an integer'),
    (bijectors.trainable_radial, [0], '`size` is 0; it must be at least 1'),
    (
      bijectors.trainable_residual_flow,
      [2.5],
      'must be an integer of at least',
    ),
    (
      matrices.trainable_qr_matrix,
      [1.5],
      '`size` is 1.5; it must be an intege',
    ),
  ],
)
def test_sizes(make, arguments, message):
  with pytest.raises(ValueError, match=message):
    make(*arguments)


@pytest.mark.parametrize(
  ('make', 'shape', 'options', 'message'),
  [
    (models.cinc, [4, 4, 2], {'levels': 1.5}, '`levels` is 1.5; it must be an'),
    (models.cinc, [4, 4, 2], {'depth': 2.0}, '`depth` is 2.0; it must be an'),
    (models.nice, [4, 4, 2], {'depth': 0}, '`depth` is 0; it must be at least'),
    (models.maf, [4], {'depth': 0}, '`depth` is 0; it must be at least 1'),
  ],
)
def test_sizes_of_a_flow(make, shape, options, message):
  with pytest.raises(ValueError, match=message):
    make(shape, **options)
