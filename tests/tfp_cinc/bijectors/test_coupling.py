"""What is special to couplings, besides the conformance set."""

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tests import zoo
from tfp_cinc import bijectors
from tfp_cinc.networks import trainable_glow_network


def count_calls(coupling):
  """Replaces networks by ones that count how often they are called."""
  calls = []

  def counted(network):
    def call(x, **kwargs):
      calls.append(x)
      return network(x, **kwargs)

    return call

  networks = [counted(network) for network in coupling.networks]
  return bijectors.BlockCoupling(networks, dtype=coupling.dtype), calls


def quad(dtype=tf.float32):
  case = next(case for case in zoo.ZOO if case.name == 'QuadCoupling')
  return case.build(dtype)


def test_quad_coupling_inverts_to_1e_5_in_float32():
  coupling = quad()
  x = tf.random.stateless_normal([16, 8, 8, 4], [0, 0])
  y = tf.identity(coupling.forward(x))
  assert np.max(np.abs(coupling.inverse(y) - x)) < 1e-5


def test_blocks_depend_on_those_before_them_alone():
  """The figure of the paper: y_j reads x_1 ... x_j."""
  coupling = quad(tf.float64)
  x = tf.random.stateless_normal([1, 2, 2, 4], [0, 0], dtype=tf.float64)
  for j in range(4):
    change = tf.one_hot(j, 4, dtype=tf.float64)
    difference = coupling.forward(x + change) - coupling.forward(x)
    assert not np.any(difference[..., :j])
    assert np.all(np.any(difference[..., j:], axis=(0, 1, 2)))


@pytest.mark.parametrize(
  ('scale_function', 'expected'),
  [
    ('exp', np.exp(0.3)),
    ('sigmoid', 1 / (1 + np.exp(-2.3))),
    ('tanh', np.exp(np.tanh(0.3))),
    (tf.negative, np.exp(-0.3)),
  ],
)
def test_formula_of_the_affine_coupling(scale_function, expected):
  """y_2 = (x_2 + f) * s for a network that returns f = 0.5 and h = 0.3."""

  def network(x):
    return tf.concat([0.5 + 0 * x, 0.3 + 0 * x], -1)

  coupling = bijectors.AffineCoupling(network, scale_function)
  x = tf.ones([1, 2, 2, 2])
  np.testing.assert_allclose(coupling.forward(x)[..., 0], 1.0)
  np.testing.assert_allclose(
    coupling.forward(x)[..., 1], 1.5 * expected, rtol=1e-6
  )
  np.testing.assert_allclose(
    coupling.forward_log_det_jacobian(x, 3), 4 * np.log(expected), rtol=1e-6
  )


@pytest.mark.parametrize(
  ('word', 'options', 'function'),
  [
    ('additive', {}, bijectors.Additive()),
    ('affine', {}, bijectors.Affine()),
    ('affine', {'scale_function': 'tanh'}, bijectors.Affine('tanh')),
    (
      'logistic_mixture',
      {'scale_function': 'exp'},
      bijectors.LogisticMixture('exp'),
    ),
    ('spline', {}, bijectors.Spline()),
  ],
)
def test_a_word_stands_for_a_function(word, options, function):
  network = trainable_glow_network(
    2, 2 * function.num_parameters(3), hidden_channels=8, seed=1
  )
  for variable in network.trainable_variables:
    variable.assign_add(tf.fill(variable.shape, 0.01))
  one = bijectors.BlockCoupling([network], word, **options)
  other = bijectors.BlockCoupling([network], function)
  assert type(one.function) is type(function)
  assert one.scale_function == other.scale_function
  x = tf.random.stateless_normal([2, 4, 4, 4], [0, 0])
  for ours, theirs in zip(
    one.forward_and_log_det(x), other.forward_and_log_det(x), strict=True
  ):
    np.testing.assert_array_equal(ours, theirs)


def test_value_and_log_det_come_from_one_call_of_the_networks():
  coupling, calls = count_calls(quad())
  x = tf.random.stateless_normal([2, 2, 2, 4], [0, 0])
  y = coupling.forward(x)
  coupling.forward_log_det_jacobian(x, 3)
  assert len(calls) == 3
  calls.clear()
  y = tf.identity(y)
  x = coupling.inverse(y)
  coupling.inverse_log_det_jacobian(y, 3)
  assert len(calls) == 3
  del x  # alive until here: TFP's cache lives as long as the result


def test_bad_input():
  with pytest.raises(ValueError, match='3 channels are not divisible into 2'):
    bijectors.AffineCoupling(tf.identity).forward(tf.zeros([1, 2, 2, 3]))
  with pytest.raises(ValueError, match='Affine needs 2 parameters for each'):
    bijectors.AffineCoupling(tf.identity).forward(tf.zeros([1, 2, 2, 4]))
  with pytest.raises(ValueError, match="did you mean 'sigmoid'"):
    bijectors.AffineCoupling(tf.identity, 'sigmod')
  with pytest.raises(ValueError, match='has 2 entries; a quad-coupling has 3'):
    bijectors.QuadCoupling([tf.identity] * 2)
  with pytest.raises(ValueError, match='`networks` is empty'):
    bijectors.BlockCoupling([])
  with pytest.raises(ValueError, match="did you mean 'spline'"):
    bijectors.BlockCoupling([tf.identity], 'splines')
  with pytest.raises(ValueError, match='must be a `CouplingFunction` or'):
    bijectors.BlockCoupling([tf.identity], tf.identity)


@pytest.mark.parametrize('log_scale', [-7.0, -5.0, 0.0, 15.0])
def test_mixture_inverts_where_components_are_narrow_or_wide(log_scale):
  """Between narrow components the CDF is flat: no NaN, and y comes back."""

  def network(x):
    zeros = tf.zeros_like(x)
    means = [zeros - 1.0, zeros + 1.0]
    scales = [zeros + log_scale, zeros - 1.0]
    return tf.concat([zeros] * 4 + means + scales, -1)

  coupling = bijectors.BlockCoupling([network], 'logistic_mixture', 'exp')
  x = tf.reshape(tf.linspace(-3.0, 3.0, 128), [1, 8, 8, 2])
  y = tf.identity(coupling.forward(x))
  again = coupling.inverse(y)
  assert np.all(np.isfinite(again))
  np.testing.assert_allclose(coupling.forward(tf.identity(again)), y, atol=2e-3)
  chain = bijectors.Chain([coupling], 'reversible')
  with tf.GradientTape() as tape:
    tape.watch(x)
    loss = tf.reduce_sum(chain.forward(x))
  assert np.all(np.isfinite(tape.gradient(loss, x)))


@pytest.mark.parametrize('function', ['affine', 'spline', 'logistic_mixture'])
def test_any_batch_shape_in_float32(function):
  flow = tfp_cinc.models.cinc(
    [4, 4, 1],
    levels=1,
    depth=1,
    coupling='quad' if function == 'affine' else function,
    hidden_channels=4,
  )
  for shape in ([], [0], [2, 3]):
    samples = flow.sample(shape, seed=1)
    assert samples.shape == [*shape, 4, 4, 1]
    assert flow.log_prob(tf.identity(samples)).shape == shape


@pytest.mark.parametrize('kept', ['first', 'second'])
@pytest.mark.parametrize(
  ('mask', 'parity'),
  [
    ('checkerboard', lambda row, column: row + column),
    ('rows', lambda row, column: row),
    ('columns', lambda row, column: column),
  ],
)
def test_a_mask_keeps_the_pixels_of_one_parity(mask, parity, kept):
  layer = bijectors.MaskedCoupling(lambda x: x + 1.0, mask, kept, 'additive')
  x = tf.zeros([3, 4, 2])
  changed = np.all(layer.forward(x) != x, axis=-1)
  is_second = parity(*np.indices([3, 4])) % 2 == 1
  np.testing.assert_array_equal(
    changed, is_second if kept == 'first' else ~is_second
  )
