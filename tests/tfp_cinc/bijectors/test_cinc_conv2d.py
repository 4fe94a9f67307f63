"""What is special to CInCConv2D, besides the conformance set."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc

tfb = tfp.bijectors


@pytest.mark.parametrize('padding', ['top_left', 'bottom_right'])
def test_from_kernel_is_that_convolution(padding):
  rng = np.random.default_rng(0)
  kernel = rng.normal(size=[3, 3, 4, 4])
  layer = tfp_cinc.bijectors.CInCConv2D.from_kernel(kernel, padding=padding)
  np.testing.assert_allclose(layer.kernel, kernel, atol=1e-12)
  x = rng.normal(size=[2, 5, 5, 4])
  np.testing.assert_allclose(
    layer.forward(x),
    tfp_cinc.math.causal_conv2d(x, kernel, padding=padding),
    atol=1e-12,
  )


def test_singular_block_cites_the_theorem():
  kernel = np.random.default_rng(0).normal(size=[3, 3, 2, 2])
  kernel[-1, -1] = [[1.0, 2.0], [2.0, 4.0]]
  with pytest.raises(ValueError, match='Theorem 2 of CInC Flow'):
    tfp_cinc.bijectors.CInCConv2D.from_kernel(kernel)


@pytest.mark.parametrize('shape', [[3, 2, 2, 2], [3, 3, 2, 4], [3, 3, 2], [0]])
def test_from_kernel_refuses_other_shapes(shape):
  with pytest.raises(ValueError, match='`kernel` has shape'):
    tfp_cinc.bijectors.CInCConv2D.from_kernel(np.ones(shape))


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'kernel_size': 0}, '`kernel_size` is 0'),
    ({'diagonal_block': 'triangle'}, "did you mean 'triangular'"),
    ({'padding': 'top_lft'}, "did you mean 'top_left'"),
    ({'dilation': 0}, '`dilation` is 0'),
  ],
)
def test_factory_refuses(options, message):
  with pytest.raises(ValueError, match=message):
    tfp_cinc.bijectors.trainable_cinc_conv2d(4, **options)


def test_constructor_refuses_taps_of_another_shape():
  block = tfp_cinc.matrices.PLUMatrix(tf.zeros([1]))
  with pytest.raises(ValueError, match='`taps` has shape'):
    tfp_cinc.bijectors.CInCConv2D(tf.zeros([7, 2, 2]), block)


@pytest.mark.parametrize('channels', [1, 2])
def test_constructor_refuses_a_bias_of_another_shape(channels):
  kernel = np.ones([2, 2, channels, channels]) * np.eye(channels)
  with pytest.raises(ValueError, match=r'`bias` has shape \(3,\); .* be \['):
    tfp_cinc.bijectors.CInCConv2D.from_kernel(kernel, bias=[0.0, 0.0, 0.0])


def test_dilation_of_images_of_any_size():
  layer = tfp_cinc.bijectors.trainable_cinc_conv2d(4, dilation=2, seed=0)
  spec = tf.TensorSpec([None, None, None, 4])
  forward = tf.function(layer.forward, input_signature=[spec])
  for height, width in ((5, 4), (6, 3)):
    x = tf.random.stateless_normal([2, height, width, 4], [0, 0])
    np.testing.assert_allclose(
      forward(x), layer.forward(tf.identity(x)), atol=1e-6
    )
  with pytest.raises(ValueError, match='static'):
    tf.function(layer.inverse, input_signature=[spec]).get_concrete_function()


def test_wrong_channels_are_named():
  layer = tfp_cinc.bijectors.trainable_cinc_conv2d(4)
  with pytest.raises(ValueError, match='3 channels and `kernel` is for 4'):
    layer.forward(tf.zeros([2, 4, 4, 3]))


def test_seed_decides_the_kernel():
  one, same, other = (
    tfp_cinc.bijectors.trainable_cinc_conv2d(3, seed=seed).kernel
    for seed in (1, 1, 2)
  )
  np.testing.assert_array_equal(one, same)
  assert np.any(np.not_equal(one, other))


def test_poster_parameter_count():
  """9 n^2 - n (n - 1) / 2 for k = 3, the CInC Flow poster's table."""
  for channels in (1, 2, 12, 48):
    layer = tfp_cinc.bijectors.trainable_cinc_conv2d(channels, kernel_size=3)
    count = sum(int(np.prod(v.shape)) for v in layer.trainable_variables)
    assert count == 9 * channels**2 - channels * (channels - 1) // 2


def test_trained_by_a_gradient_it_stays_invertible():
  """It drives the scale of the data down; no block ever gets singular."""
  layer = tfp_cinc.bijectors.trainable_cinc_conv2d(2, seed=0, dtype=tf.float64)
  x = tf.constant(np.random.default_rng(0).normal(size=[8, 4, 4, 2]))
  for _ in range(50):
    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(layer.forward(tf.identity(x)) ** 2)
    variables = layer.trainable_variables
    for variable, gradient in zip(
      variables, tape.gradient(loss, variables), strict=True
    ):
      variable.assign_sub(0.5 * gradient)
  y = layer.forward(x)
  np.testing.assert_allclose(layer.inverse(tf.identity(y)), x, atol=1e-9)
  assert np.isfinite(layer.forward_log_det_jacobian(x))


def test_in_a_chain_with_tfp_bijectors():
  chain = tfb.Chain(
    [
      tfb.Scale(tf.constant(2.0)),
      tfp_cinc.bijectors.trainable_cinc_conv2d(2, seed=0),
      tfb.Shift(tf.constant([1.0, -1.0])),
    ]
  )
  x = tf.random.stateless_normal([3, 4, 4, 2], [0, 0])
  y = tf.identity(chain.forward(x))
  np.testing.assert_allclose(chain.inverse(y), x, atol=1e-5)
  np.testing.assert_allclose(
    chain.forward_log_det_jacobian(x, 3), 32 * np.log(2.0), rtol=1e-5
  )


@pytest.mark.parametrize(
  'options', [{'validate_args': True}, {'solve_dtype': tf.float64}]
)
def test_inverse_of_a_diagonal_block_that_is_close_to_singular(options):
  """Refined or solved in float64, it has a smaller residual than as it is."""
  rng = np.random.default_rng(0)
  kernel = 0.01 * rng.normal(size=[3, 3, 6, 6])
  left, right = (np.linalg.qr(rng.normal(size=[6, 6]))[0] for _ in range(2))
  kernel[-1, -1] = left @ np.diag(np.logspace(0, -4, 6)) @ right
  layer = tfp_cinc.bijectors.CInCConv2D.from_kernel(kernel.astype(np.float32))
  y = tf.constant(rng.normal(size=[2, 3, 3, 6]), tf.float32)

  def residual(layer):
    x = tf.cast(layer.inverse(tf.identity(y)), tf.float64)
    kernel = tf.cast(layer.kernel, tf.float64)
    again = tfp_cinc.math.causal_conv2d(x, kernel)
    return float(tf.norm(again - tf.cast(y, tf.float64)))

  assert residual(layer.copy(**options)) < 0.2 * residual(layer)
