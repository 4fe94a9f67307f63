"""What is special to the permutations, besides the conformance set."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import strategies as st

import tfp_cinc

tfb = tfp.bijectors


@hypothesis.given(channels=st.integers(1, 9), seed=st.integers(0, 10**6))
@hypothesis.settings(
  max_examples=20, deadline=None, derandomize=True, database=None
)
def test_are_the_permutations_of_tfp(channels, seed):
  shuffle = tfp_cinc.bijectors.random_shuffle_channels(channels, seed=seed)
  x = np.random.default_rng(seed).normal(size=[2, 2, 3, channels])
  x = x.astype(np.float32)
  for layer, permutation in (
    (shuffle, shuffle.permutation.numpy()),
    (tfp_cinc.bijectors.ReverseChannels(), np.arange(channels)[::-1]),
  ):
    reference = tfb.Permute(permutation)
    np.testing.assert_array_equal(layer.forward(x), reference.forward(x))
    np.testing.assert_array_equal(layer.inverse(x), reference.inverse(x))
    assert float(layer.forward_log_det_jacobian(x, event_ndims=3)) == 0.0


def test_seed_decides_the_permutation():
  one, same, other = (
    tfp_cinc.bijectors.random_shuffle_channels(20, seed=s).permutation
    for s in (1, 1, 2)
  )
  np.testing.assert_array_equal(one, same)
  assert np.any(one.numpy() != other.numpy())
  np.testing.assert_array_equal(np.sort(one), np.arange(20))


def test_permutation_is_kept_but_not_trained():
  layer = tfp_cinc.bijectors.random_shuffle_channels(4, seed=1)
  assert layer.trainable_variables == ()
  assert [v.dtype for v in layer.variables] == [tf.int32]


@pytest.mark.parametrize(
  ('permutation', 'message'),
  [
    ([0, 2], r'`permutation` is \[0, 2\]; it must contain each of 0'),
    ([0, 0, 1], 'once'),
    ([[0, 1]], r'has shape \(1, 2\); it must be \[C\]'),
    (np.zeros([0], np.int32), 'C >= 1'),
  ],
)
def test_what_is_no_permutation_is_refused(permutation, message):
  with pytest.raises(ValueError, match=message):
    tfp_cinc.bijectors.ShuffleChannels(permutation)


@pytest.mark.parametrize('method', ['forward', 'inverse'])
def test_a_variable_is_checked_when_it_is_used(method):
  permutation = tf.Variable([1, 0, 2])
  layer = tfp_cinc.bijectors.ShuffleChannels(permutation, validate_args=True)
  x = tf.ones([2, 2, 2, 3])
  getattr(layer, method)(x)
  permutation.assign([1, 1, 2])
  with pytest.raises(tf.errors.InvalidArgumentError, match='not a permutation'):
    getattr(layer, method)(tf.identity(x))


@pytest.mark.parametrize('method', ['forward', 'inverse'])
def test_wrong_channels_are_named(method):
  layer = tfp_cinc.bijectors.random_shuffle_channels(4)
  with pytest.raises(ValueError, match='this layer is for 4 channels'):
    getattr(layer, method)(tf.zeros([2, 4, 4, 6]))


@pytest.mark.parametrize('dtype', [tf.float16, tf.float32, tf.float64])
def test_take_any_dtype(dtype):
  x = tf.reshape(tf.range(6, dtype=dtype), [1, 1, 2, 3])
  for layer in (
    tfp_cinc.bijectors.ReverseChannels(),
    tfp_cinc.bijectors.ShuffleChannels([2, 1, 0]),
  ):
    y, log_det = layer.forward_and_log_det(x, 3)
    assert y.dtype == log_det.dtype == dtype
    np.testing.assert_array_equal(y, x[..., ::-1])


def test_there_must_be_a_channel():
  with pytest.raises(ValueError, match='`channels` is 0'):
    tfp_cinc.bijectors.random_shuffle_channels(0)
