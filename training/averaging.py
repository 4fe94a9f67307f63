"""The exponential moving average of the weights."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from training import flat
from training.errors import UserError

__all__ = ['WeightAverage']


class WeightAverage(tf.Module):
  """An exponential moving average of weights, to evaluate and export.

      average += (1 - d) (weights - average),  d = min(decay, t / (t + 9))

  at update t = 0, 1, ...: the first update takes the weights as they are, so
  that their initial values leave no trace, and early ones weigh recent weights
  more.

  All averages lie in one Variable: an update adds two operations to the graph
  for each of the weights (`tf.train.ExponentialMovingAverage` adds eight), and
  workers share one tensor. Memory: one copy of the weights, and another during
  an update.
  """

  def __init__(self, weights: list[tf.Variable], decay: float):
    """Creates the average's Variables; without decay there are none.

    Args:
      weights: what to average, all of one dtype; not the Variables that no
        optimizer trains.
      decay: from 0, for no average, to below 1.

    Raises:
      UserError: if `decay` is not in this range.
    """
    super().__init__(name='average')
    if not 0 <= decay < 1:
      raise UserError(
        f'config.train.ema_decay is {decay}; it must be at least 0, for no '
        'average, and less than 1.'
      )
    weights = list(weights)
    # A function, so that the flow's Variables are not taken for this module's.
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
    """Takes the weights into the average."""
    if self._vector is None:
      return
    count = tf.cast(self._count, self._vector.dtype)
    rate = tf.maximum(self._least_rate, 9.0 / (count + 9.0))
    difference = self._vector - flat.join(self._weights())
    self._vector.assign_sub(rate * difference)
    self._count.assign_add(1)

  @contextlib.contextmanager
  def applied(self) -> Iterator[None]:
    """Within the block the weights are their averages; then what they were.

    Where there is no average yet, or none is taken, they stay as they are. What
    a bijector has computed of a tensor before, TFP gives again for the same
    tensor: pass others within the block.
    """
    weights = self._weights()
    # Assignment gives a Variable another buffer: these keep the old ones.
    kept = [weight.read_value() for weight in weights]
    try:
      self.apply()
      yield
    finally:
      _assign(weights, kept)

  def apply(self) -> None:
    """Makes the weights their averages, for good; else as `applied`."""
    if self._vector is not None and int(self._count):
      weights = self._weights()
      _assign(weights, flat.split(self._vector, weights))


def _assign(weights, values):
  for weight, value in zip(weights, values, strict=True):
    weight.assign(value)
