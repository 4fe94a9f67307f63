"""Tests of classification by Bayes' rule."""

import numpy as np
import pytest
import tensorflow as tf

from training.loop.conditional.classification import (
  Classification,
  bits_by_class,
  class_log_probs,
)

VALUES = np.array([0.0, 0.25, 0.5])  # the gray value of each class


def log_prob(batch):
  """A density in which each class has its gray value."""
  images, classes = batch
  middle = tf.linalg.matvec(classes, tf.constant(VALUES - 0.5, tf.float32))
  return -tf.reduce_sum((images[:, 0, 0, 0] - middle)[:, tf.newaxis] ** 2, 1)


def test_density_of_each_image_given_each_class():
  labels = np.array([2, 0, 1, 1, 2])
  images = np.uint8(256 * VALUES[labels]).reshape([5, 1, 1, 1])
  found = class_log_probs(log_prob, images, 3, num_bits=8, batch_size=2)
  assert found.shape == (5, 3)
  np.testing.assert_array_equal(np.argmax(found, 1), labels)
  expected = -((VALUES[labels][:, np.newaxis] - VALUES) ** 2)
  np.testing.assert_allclose(found, expected, atol=0.01)


def test_accuracy_and_its_standard_error():
  log_probs = np.log([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])
  found = Classification.of(log_probs, np.array([0, 1, 1, 0]))
  assert found.accuracy == 0.75
  assert found.standard_error == pytest.approx(np.sqrt(0.75 * 0.25 / 4))
  assert found.number == 4


def test_density_that_is_not_finite_counts_as_wrong():
  log_probs = np.array([[np.nan, 1.0], [0.0, np.inf], [1.0, 0.0]])
  found = Classification.of(log_probs, np.array([0, 1, 0]))
  assert found.accuracy == pytest.approx(1 / 3)


def test_bits_of_each_class_that_has_images():
  bits = np.array([1.0, 2.0, 4.0])
  found = bits_by_class(bits, np.array([0, 2, 2]), ('cat', 'dog', 'owl'))
  assert found == {'cat': 1.0, 'owl': 3.0}
