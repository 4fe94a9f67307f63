"""Images between two images."""

import numpy as np
import pytest
import tensorflow as tf

from tests.tfp_cinc.latents import flows
from tfp_cinc import latents


@pytest.mark.parametrize('method', ['linear', 'spherical'])
def test_it_goes_from_image_to_image(method):
  flow, x = flows.flow(), flows.values()
  y = flows.values(seed=1)
  between = latents.interpolate(flow, x, y, 5, method)
  assert between.shape == [3, 5, *flows.SHAPE]
  np.testing.assert_allclose(between[:, 0], x, atol=1e-5)
  np.testing.assert_allclose(between[:, -1], y, atol=1e-5)
  way = tf.reshape(between, [-1, *flows.SHAPE])
  z = tf.reshape(latents.encode(flow, way), [3, 5, -1])
  expected = latents.interpolate_latents(z[:, 0], z[:, -1], 5, method)
  np.testing.assert_allclose(z, expected, atol=1e-3)


def test_linear_ones_are_in_equal_steps():
  first, second = np.random.default_rng(0).normal(size=[2, 3, 7])
  found = latents.interpolate_latents(first, second, 5).numpy()
  assert found.shape == (3, 5, 7)
  np.testing.assert_allclose(found[:, 2], (first + second) / 2)
  np.testing.assert_allclose(
    np.diff(found, axis=1), np.repeat((second - first)[:, None] / 4, 4, 1)
  )


def test_spherical_ones_are_of_one_length_and_at_equal_angles():
  first, second = np.random.default_rng(0).normal(size=[2, 3, 7])
  first /= np.linalg.norm(first, axis=1, keepdims=True)
  second /= np.linalg.norm(second, axis=1, keepdims=True)
  found = latents.interpolate_latents(
    2 * first, 2 * second, tf.constant(5), 'spherical'
  ).numpy()
  np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 2.0)
  cosines = np.sum(found[:, 1:] * found[:, :-1], -1) / 4
  whole = np.arccos(np.sum(first * second, -1))
  np.testing.assert_allclose(
    np.arccos(cosines), np.repeat(whole[:, None] / 4, 4, 1)
  )


@pytest.mark.parametrize('factor', [1.0, 3.0, -1.0])
def test_spherical_ones_of_vectors_without_an_angle(factor):
  first = tf.constant([[1.0, 2.0, 3.0]])
  found = latents.interpolate_latents(first, factor * first, 3, 'spherical')
  expected = latents.interpolate_latents(first, factor * first, 3, 'linear')
  np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_bad_input():
  flow, x = flows.flow(), flows.values()
  with pytest.raises(ValueError, match='`steps` is 1; it must be at least 2'):
    latents.interpolate(flow, x, x, 1)
  with pytest.raises(ValueError, match="did you mean 'spherical'"):
    latents.interpolate(flow, x, x, 2, 'sperical')
  with pytest.raises(ValueError, match='must have the same number of images'):
    latents.interpolate(flow, x, x[:2], 2)
  with pytest.raises(ValueError, match='`second` have shape'):
    latents.interpolate(flow, x, x[0], 2)
