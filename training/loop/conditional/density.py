"""The density of a batch of images, given their conditions or not."""

import tensorflow as tf

import tfp_cinc

from ...data.condition import Condition
from ..flow_with_noise import FlowWithNoise

__all__ = ['batch_spec', 'given', 'initialize', 'log_prob']


def given(density, condition):
  """Returns a conditional density given a condition.

  Args:
    density: A flow, or a `FlowWithNoise`.
    condition: See `tfp_cinc.given`. None returns `density` itself, which takes
      no condition.

  Returns:
    A density of the same kind on the same Variables.
  """
  if condition is None:
    return density
  if isinstance(density, FlowWithNoise):
    return density.given(condition)
  return tfp_cinc.given(density, condition)


def log_prob(density, batch) -> tf.Tensor:
  """Returns the log-densities of a batch of `training_batches`.

  Args:
    density: A flow, or a `FlowWithNoise`.
    batch: Images [N, H, W, C]; for a conditional density, a pair (images,
      conditions [N, ...]).

  Returns:
    Log-densities [N], in nats.
  """
  images, condition = _split(batch)
  return given(density, condition).log_prob(images)


def initialize(flow, batch, noise_scale: float = 0.0) -> None:
  """Initializes a flow from a batch of `training_batches`.

  Args:
    flow: The flow.
    batch: See `log_prob`.
    noise_scale: Standard deviation of the Gaussian noise of the images.
  """
  tfp_cinc.initialize_from_data(flow, *_split(batch), noise_scale)


def batch_spec(density, condition: Condition | None):
  """Returns the `TensorSpec` or the pair of them of a batch of any size.

  Args:
    density: A flow, or a `FlowWithNoise`.
    condition: `Condition` of a conditional density.
  """
  images = tf.TensorSpec([None, *density.event_shape], density.dtype)
  if condition is None:
    return images
  return images, tf.TensorSpec([None, *condition.shape], tf.float32)


def _split(batch):
  return batch if isinstance(batch, tuple) else (batch, None)
