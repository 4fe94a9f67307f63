"""The metrics that a `FlowModel` logs."""

import numpy as np
import tensorflow as tf
import tf_keras

__all__ = ['Mean', 'MeanOfSteps']


class Mean(tf_keras.metrics.Mean):
  """A mean that is not part of the weights in a file.

  Each epoch starts it again, and Keras cannot load it with a strategy.
  """

  def save_own_variables(self, store):
    """Stores nothing in a `.weights.h5`; Keras calls it."""

  def load_own_variables(self, store):
    """Loads nothing from a `.weights.h5`; Keras calls it."""


class MeanOfSteps(Mean):
  """The mean over the steps that count, or NaN if there are none.

  Keras's own `Mean` is 0 in that case.
  """

  def update_state(self, values, sample_weight=None, counts=True):
    """Adds the values of a step, unless it does not count.

    Args:
      values: Floating `Tensor` [N].
      sample_weight: Weights of the values, [N], or None.
      counts: Whether the step counts, bool `Tensor` [].
    """
    if sample_weight is None:
      sample_weight = tf.ones_like(values)
    sample_weight = tf.cast(sample_weight, values.dtype)
    super().update_state(
      tf.where(counts, values, 0.0), tf.where(counts, sample_weight, 0.0)
    )

  def result(self) -> tf.Tensor:
    """Returns the mean, `Tensor` []."""
    return tf.where(self.count > 0, super().result(), np.nan)
