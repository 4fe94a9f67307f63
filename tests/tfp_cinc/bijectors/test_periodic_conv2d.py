"""What is special to PeriodicConv2D, besides the conformance set."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc

METHODS = {
  'forward': lambda layer, x: layer.forward(x),
  'inverse': lambda layer, x: layer.inverse(x),
  'log_det': lambda layer, x: layer.forward_log_det_jacobian(x, 3),
  'inverse_log_det': lambda layer, x: layer.inverse_log_det_jacobian(x, 3),
}


@pytest.mark.parametrize('dtype', [tf.float32, tf.float64])
@pytest.mark.parametrize('call', METHODS.values(), ids=METHODS)
def test_validate_args_names_the_singular_frequency(call, dtype):
  """The mean of two neighbours loses a chessboard of the pixel's size."""
  kernel = tf.fill([2, 2, 1, 1], tf.constant(0.25, dtype))
  layer = tfp_cinc.bijectors.PeriodicConv2D(kernel, validate_args=True)
  call(layer, tf.ones([2, 1, 5, 1], dtype))
  wide = tf.ones([2, 1, 6, 1], dtype)
  message = (
    r'periodic_conv2d: the kernel is singular at frequency \(u, v\) = \[0 3\] '
    r'of images of size \(1, 6\)'
  )
  with pytest.raises(tf.errors.InvalidArgumentError, match=message):
    call(layer, wide)
  compiled = tf.function(lambda x: call(layer, x), autograph=False)
  with pytest.raises(tf.errors.InvalidArgumentError, match=message):
    compiled(wide)


def test_validate_args_takes_a_kernel_close_to_singular():
  kernel = np.full([1, 2, 1, 1], 0.5)
  kernel = np.concatenate([kernel + 1e-6, np.zeros_like(kernel)])
  kernel[0, 1] -= 2e-6
  layer = tfp_cinc.bijectors.PeriodicConv2D(kernel, validate_args=True)
  x = tf.random.stateless_normal([2, 4, 6, 1], [0, 0], dtype=tf.float64)
  y = layer.forward(x)
  np.testing.assert_allclose(layer.inverse(tf.identity(y)), x, atol=1e-8)


def test_starts_close_to_the_identity():
  x = tf.random.stateless_normal([2, 6, 5, 8], [0, 0])
  for kernel_size in (1, 2, 3, 5):
    layer = tfp_cinc.bijectors.trainable_periodic_conv2d(8, kernel_size, seed=0)
    change = tf.norm(layer.forward(x) - x) / tf.norm(x)
    assert 0.01 < change < 0.1


def test_seed_decides_the_kernel():
  one, same, other = (
    tfp_cinc.bijectors.trainable_periodic_conv2d(3, seed=s).kernel
    for s in (1, 1, 2)
  )
  np.testing.assert_array_equal(one, same)
  assert np.any(np.not_equal(one, other))


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'channels': 0}, '`channels` is 0'),
    ({'channels': 2, 'kernel_size': 0}, '`kernel_size` is 0'),
  ],
)
def test_factory_refuses(arguments, message):
  with pytest.raises(ValueError, match=message):
    tfp_cinc.bijectors.trainable_periodic_conv2d(**arguments)


@pytest.mark.parametrize(
  ('kernel_shape', 'bias_shape', 'message'),
  [
    ([3, 2, 2, 2], None, r'`kernel` has shape \(3, 2, 2, 2\)'),
    ([3, 3, 2, 4], None, r'`kernel` has shape \(3, 3, 2, 4\)'),
    ([3, 3], None, r'`kernel` has shape \(3, 3\)'),
    ([3, 3, 2, 2], [3], r'`bias` has shape \(3,\)'),
  ],
)
def test_constructor_refuses(kernel_shape, bias_shape, message):
  bias = None if bias_shape is None else tf.zeros(bias_shape)
  with pytest.raises(ValueError, match=message):
    tfp_cinc.bijectors.PeriodicConv2D(tf.zeros(kernel_shape), bias)


@pytest.mark.parametrize('call', METHODS.values(), ids=METHODS)
def test_wrong_channels_are_named(call):
  layer = tfp_cinc.bijectors.trainable_periodic_conv2d(4)
  with pytest.raises(ValueError, match='3 channels and `kernel` is for 4'):
    call(layer, tf.zeros([2, 4, 4, 3]))


def test_in_a_reversible_chain():
  """Gradients from recomputed activations are those from stored ones."""
  layers = [
    tfp_cinc.bijectors.trainable_periodic_conv2d(2, seed=s, dtype=tf.float64)
    for s in (1, 2)
  ]
  x = tf.random.stateless_normal([2, 4, 3, 2], [0, 0], dtype=tf.float64)
  found = []
  for memory in ('store', 'reversible'):
    chain = tfp_cinc.bijectors.Chain(layers, memory)
    with tf.GradientTape() as tape:
      y = chain.forward(tf.identity(x))
      log_det = chain.forward_log_det_jacobian(x, 3)
      loss = tf.reduce_mean(y**2) - tf.reduce_mean(log_det)
    found.append(tape.gradient(loss, chain.trainable_variables))
  for stored, recomputed in zip(*found, strict=True):
    np.testing.assert_allclose(stored, recomputed, rtol=1e-9)
