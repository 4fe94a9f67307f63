"""Guided samples of exported flows."""

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.guidance import NoGuidanceError, sample_guided
from tfp_cinc.latents import with_temperature
from tfp_cinc.saved_model.condition_input import ConditionInput

__all__ = ['guided_sampler']

tfd = tfp.distributions


def guided_sampler(
  flow: tfd.TransformedDistribution, condition: ConditionInput | None
) -> Callable[..., tf.Tensor] | None:
  """Returns the function that draws guided samples, if a flow allows them.

  Args:
    flow: Flow over images.
    condition: Its condition, or None.

  Returns:
    Function of (conditions [N, ...], temperature, guidance, seed) that returns
    images [N, H, W, C]. None if the flow was not trained without a condition,
    or if one of its parts has no shift and scale, see `tfp_cinc.sample_guided`.
  """
  if condition is None or not condition.optional:
    return None

  def sample(given, temperature, guidance, seed):
    number = tf.shape(given)[0]
    # Not of an empty batch, for which TensorFlow's convolutions fail.
    empty = tf.cast(tf.equal(number, 0), tf.int32)
    given = tf.pad(given, [[0, empty], *[[0, 0]] * (given.shape.rank - 1)])
    samples = sample_guided(
      with_temperature(flow, temperature),
      given,
      [number + empty],
      guidance,
      seed,
    )
    return samples[:number]

  try:
    sample(tf.zeros([1, *condition.shape], flow.dtype), 1.0, 0.0, [0, 0])
  except NoGuidanceError:
    return None
  return sample
