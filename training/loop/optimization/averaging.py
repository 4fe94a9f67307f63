"""The exponential moving average of the weights."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from ...errors import UserError
from . import flat_vector

__all__ = ['WeightAverage']


class WeightAverage(tf.Module):
  """An exponential moving average of weights, for evaluation and export.

      average += (1 - d) (weights - average),  d = min(decay, t / (t + 9))

  at update t = 0, 1, ... The first update copies the weights, so their initial
  values do not count, and early updates give recent weights more importance.

  All averages are in one Variable. An update therefore adds only two operations
  per weight to the graph (`tf.train.ExponentialMovingAverage` adds eight), and
  workers share one tensor. Memory: one copy of the weights, and another one
  during an update.
  """

  def __init__(self, weights: list[tf.Variable], decay: float):
    """Creates the Variables of the average.

    Args:
      weights: The trainable Variables to average, all of one dtype.
      decay: Decay d of the average, at least 0 and less than 1. 0 computes no
        average and creates no Variables.

    Raises:
      UserError: If `decay` is not in this range.
    """
    super().__init__(name='average')
    if not 0 <= decay < 1:
      raise UserError(
        f'config.train.ema_decay is {decay}; it must be at least 0 and less '
        'than 1.'
      )
    weights = list(weights)
    # A function, so that tf.Module does not track the Variables of the flow.
    self._weights = lambda: weights
    self._least_rate = 1.0 - decay
    self._vector = self._count = None
    if decay:
      number = sum(weight.shape.num_elements() for weight in weights)
      self._vector = tf.Variable(
        tf.zeros([number], weights[0].dtype), trainable=False, name='weights'
      )
      self._count = tf.Variable(0, False, dtype=tf.int64, name='count')

  def update(self) -> None:
    """Updates the average with the present weights."""
    if self._vector is None:
      return
    count = tf.cast(self._count, self._vector.dtype)
    rate = tf.maximum(self._least_rate, 9.0 / (count + 9.0))
    difference = self._vector - flat_vector.join(self._weights())
    self._vector.assign_sub(rate * difference)
    self._count.assign_add(1)

  @contextlib.contextmanager
  def applied(self) -> Iterator[None]:
    """Replaces the weights by their averages within a `with` block.

    Without an average, or before its first update, the weights do not change.
    TFP caches the results of a bijector by tensor, so pass new tensors to
    bijectors within the block.
    """
    weights = self._weights()
    # Assignments give the Variables new buffers; these tensors keep the old.
    kept = [weight.read_value() for weight in weights]
    try:
      self.apply()
      yield
    finally:
      _assign(weights, kept)

  def apply(self) -> None:
    """Replaces the weights by their averages permanently; see `applied`."""
    if self._vector is not None and int(self._count):
      weights = self._weights()
      _assign(weights, flat_vector.split(self._vector, weights))


def _assign(weights, values):
  for weight, value in zip(weights, values, strict=True):
    weight.assign(value)
