"""Conditions as channels, against what TensorFlow and NumPy make of them."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tfp_cinc.networks.condition import append_condition

examples = hypothesis.settings(
  max_examples=40, deadline=None, derandomize=True, database=None
)
batch_shapes = st.sampled_from([(), (1,), (3,), (2, 3), (1, 3)])


def numbers(*shape):
  return np.random.default_rng(len(shape)).normal(size=shape)


def appended(x, condition):
  channels = np.shape(condition)[-1]
  return append_condition('net', tf.constant(x), condition, channels).numpy()


@hypothesis.given(batch_shapes, st.booleans(), st.integers(1, 3))
@examples
def test_vectors_stand_at_every_pixel(batch_shape, is_one_for_all, channels):
  x = numbers(*batch_shape, 2, 3, 2)
  one_pixel = (1, 1) if len(batch_shape) > 1 and not is_one_for_all else ()
  own_shape = () if is_one_for_all else batch_shape
  condition = numbers(*own_shape, *one_pixel, channels)
  result = appended(x, condition)
  assert result.shape == (*batch_shape, 2, 3, 2 + channels)
  np.testing.assert_array_equal(result[..., :2], x)
  for index in np.ndindex(*batch_shape, 2, 3):
    own = condition if is_one_for_all else condition[index[:-2]]
    own = own[0, 0] if one_pixel else own
    np.testing.assert_array_equal(result[index][2:], own)


@hypothesis.given(
  batch_shapes,
  st.booleans(),
  st.integers(1, 3),
  st.integers(1, 3),
  st.integers(1, 3),
)
@examples
def test_maps_are_averaged_over_blocks(
  batch_shape, is_one_for_all, factor, height, width
):
  x = numbers(*batch_shape, height, width, 2)
  shape = [height * factor, width * factor, 3]
  own = () if is_one_for_all else batch_shape
  condition = numbers(*own, *shape)
  result = appended(x, condition)
  assert result.shape == (*batch_shape, height, width, 5)
  np.testing.assert_array_equal(result[..., :2], x)
  pooled = tf.nn.avg_pool2d(
    condition.reshape([-1, *shape]), factor, factor, 'VALID'
  )
  pooled = np.reshape(pooled, [*condition.shape[:-3], height, width, 3])
  np.testing.assert_allclose(
    result[..., 2:], np.broadcast_to(pooled, (*x.shape[:-1], 3)), atol=1e-12
  )


@pytest.mark.parametrize('batch_shape', [(), (3,), (2, 3)])
def test_pixels_of_small_maps_are_repeated(batch_shape):
  x = numbers(*batch_shape, 4, 6, 2)
  condition = numbers(*batch_shape, 2, 3, 1)
  expected = condition.repeat(2, axis=-3).repeat(2, axis=-2)
  result = appended(x, condition)
  np.testing.assert_array_equal(result[..., :2], x)
  np.testing.assert_array_equal(result[..., 2:], expected)


@pytest.mark.parametrize(
  ('images', 'condition', 'expected'),
  [
    ([1, 2, 2, 1], [5, 3], [5, 2, 2, 4]),
    ([5, 2, 2, 1], [1, 3], [5, 2, 2, 4]),
    ([4, 1, 2, 2, 1], [1, 5, 1, 1, 3], [4, 5, 2, 2, 4]),
    ([4, 5, 2, 3, 1], [5, 3], [4, 5, 2, 3, 4]),
    ([4, 5, 2, 2, 1], [4, 4, 3], [4, 5, 2, 2, 4]),
    ([4, 5, 4, 4, 1], [5, 2, 2, 3], [4, 5, 4, 4, 4]),
    ([4, 5, 2, 2, 1], [4, 5, 2, 2, 3], [4, 5, 2, 2, 4]),
    ([4, 5, 2, 2, 1], [4, 1, 6, 6, 3], [4, 5, 2, 2, 4]),
    ([2, 2, 1], [3], [2, 2, 4]),
    ([2, 2, 1], [4, 4, 3], [2, 2, 4]),
  ],
)
def test_batch_shapes_broadcast(images, condition, expected):
  x, condition = numbers(*images), numbers(*condition)
  assert list(appended(x, condition).shape) == expected

  @tf.function(
    input_signature=[
      tf.TensorSpec([None] * (len(images) - 3) + images[-3:], tf.float64),
      tf.TensorSpec(condition.shape, tf.float64),
    ],
    autograph=False,
  )
  def graph(x, condition):
    result = append_condition('net', x, condition, 3)
    assert result.shape[-3:] == expected[-3:]
    return result

  np.testing.assert_array_equal(graph(x, condition), appended(x, condition))


def test_other_dtypes_are_cast():
  x = tf.zeros([1, 1, 1], tf.float64)
  label = np.array([0, 1], np.int32)
  np.testing.assert_array_equal(
    append_condition('n', x, label, 2)[0, 0, 1:], label
  )
  pixels = np.array([[[1], [2]], [[2], [2]]], np.uint8)
  result = append_condition('n', x, pixels, 1)
  assert result.dtype == tf.float64
  assert float(result[0, 0, 1]) == 1.75
  assert float(append_condition('n', x, [0.1], 1)[0, 0, 1]) == 0.1


def test_without_a_condition_nothing_changes():
  x = tf.zeros([1, 1, 1])
  assert append_condition('net', x, None, 0) is x


@pytest.mark.parametrize(
  ('condition', 'channels', 'message'),
  [
    (
      None,
      3,
      'net: `condition` is missing; this network needs a condition of 3',
    ),
    ([2, 3], 0, 'net: `condition` is given; this network takes none'),
    ([2, 4], 3, r'net: `condition` has shape \(2, 4\); this network needs 3'),
    ([2, 4, 4, 4], 3, r'has shape \(2, 4, 4, 4\); this network needs 3'),
    ([], 3, r'has shape \(\) and the images have shape \(2, 4, 4, 1\)'),
    (
      [1, 2, 4, 4, 3],
      3,
      r"must be a vector \[3\] or \[N, 3\], or a map \[..., H', W', 3",
    ),
    ([2, 6, 4, 3], 3, 'its height and width must be the same multiple'),
    ([2, 8, 4, 3], 3, 'its height and width must be the same multiple'),
    ([2, 2, 4, 3], 3, 'or the same fraction, of those of the images'),
    ([2, 3, 3, 3], 3, 'or the same fraction, of those of the images'),
    ([3, 3], 3, r'the batch shape \(3,\) of `condition` does not broadcast'),
    ([3, 4, 4, 3], 3, r'does not broadcast with \(2,\), that of the images'),
  ],
)
def test_bad_conditions(condition, channels, message):
  condition = None if condition is None else numbers(*condition)
  with pytest.raises(ValueError, match=message):
    append_condition('net', tf.zeros([2, 4, 4, 1]), condition, channels)


def test_bad_images():
  with pytest.raises(ValueError, match=r'they must be \[..., H, W, C\]'):
    append_condition('net', tf.zeros([4, 1]), [1.0], 1)

  @tf.function(
    input_signature=[tf.TensorSpec([1, None, None, 1])], autograph=False
  )
  def unknown(x):
    return append_condition('net', x, tf.zeros([4, 4, 1]), 1)

  with pytest.raises(ValueError, match='heights and widths must be known'):
    unknown.get_concrete_function()
