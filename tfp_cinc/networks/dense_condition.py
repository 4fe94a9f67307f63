"""The condition of fully connected networks."""

from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.shapes import check_channels
from tfp_cinc.internal.types import TensorLike
from tfp_cinc.networks.condition import missing_condition

__all__ = ['ConditionalDenseNetwork', 'condition_variables', 'vector_condition']


class ConditionalDenseNetwork(tfp_compat.CompositeModule):
  """Base class of fully connected networks with an optional condition.

  A condition c [..., K] adds V_j c to the bias b_j of each layer j. The network
  stores the condition that it is bound to.

  The constructor of a subclass takes `condition_weights` and `condition` and
  stores them by `_set_condition`. The subclass adds `conditioned_biases()`
  instead of its biases.
  """

  @property
  def condition_channels(self) -> int:
    """Number K of elements of the missing condition, 0 if none is missing."""
    if self.condition is not None or not self.condition_weights:
      return 0
    return self.condition_weights[0].shape[0]

  def given(
    self, condition: TensorLike | None = None
  ) -> 'ConditionalDenseNetwork':
    """Returns the network bound to a condition, or unchanged if it is None."""
    return self if condition is None else self.with_condition(condition)

  def with_condition(self, condition: TensorLike) -> 'ConditionalDenseNetwork':
    """Returns a copy that shares the Variables and is bound to a condition.

    Args:
      condition: Floating `Tensor` [..., K].

    Raises:
      ValueError: If the network takes no condition or already has one.
    """
    if not self.condition_channels:
      raise ValueError(
        f'{self.name}: `condition` is given; this network takes none, or is '
        'already bound to one.'
      )
    arguments = tfp_compat.constructor_arguments(self)
    return type(self)(**{**arguments, 'condition': condition})

  def conditioned_biases(self, x: tf.Tensor | None = None) -> list[tf.Tensor]:
    """Returns b_j + V_j c for each layer, [..., D_j], or b_j without a V_j.

    Args:
      x: `Tensor` [..., D], the input of the network, for a check of the shape
        of c.

    Raises:
      ValueError: If the network takes a condition and is not bound to one, or
        the condition has more batch dimensions than x.
    """
    if not self.condition_weights:
      return list(self.biases)
    condition = vector_condition(
      self.name, self.condition, self.condition_weights, x
    )
    return [
      bias + tf.tensordot(condition, weight, 1)
      for bias, weight in zip(self.biases, self.condition_weights, strict=True)
    ]

  def _set_condition(self, condition_weights, condition, dtype):
    """Stores `condition_weights` and `condition`, after checking shapes."""
    convert = tfp_compat.convert_nonref_to_tensor
    self.condition_weights = [
      convert(v, dtype=dtype) for v in condition_weights
    ]
    self.condition = None if condition is None else convert(condition)
    shapes = [tuple(weight.shape) for weight in self.condition_weights]
    widths = [bias.shape[-1] for bias in self.biases]
    if shapes and shapes != [(shapes[0][0], width) for width in widths]:
      raise ValueError(
        f'`condition_weights` have the shapes {shapes}; they must be '
        f'{[("K", width) for width in widths]}.'
      )


def vector_condition(network: str, condition, condition_weights, x=None):
  """Returns a condition in the dtype of the weights, after checking its size.

  Args:
    network: Name of the network, for error messages.
    condition: Numeric `Tensor` [..., K], or None.
    condition_weights: List of the weights V_j [K, D_j].
    x: `Tensor` [..., D], the input of the network.

  Raises:
    ValueError: If the condition is missing or not [..., K], or has more batch
      dimensions than x.
  """
  weight = condition_weights[0]
  if condition is None:
    raise ValueError(missing_condition(network, weight.shape[0]))
  condition = tf.cast(condition, weight.dtype)
  check_channels(network, condition, weight.shape[0])
  if x is not None and (condition.shape.rank or 0) > max(x.shape.rank, 1):
    raise ValueError(
      f'{network}: `condition` has shape {condition.shape} and the input has '
      f'shape {x.shape}; a network of vectors takes a condition vector '
      f'[{weight.shape[0]}] or [N, {weight.shape[0]}], no map.'
    )
  return condition


def condition_variables(channels: int, sizes: Sequence[int], dtype) -> list:
  """Returns a new weight V_j [K, D_j] of zeros for each layer.

  Args:
    channels: Number of elements K of the condition. 0 returns an empty list.
    sizes: Sizes D_j of the outputs of the layers.
    dtype: Floating dtype of the Variables.

  Raises:
    ValueError: If `channels` is negative.
  """
  if channels < 0:
    raise ValueError(
      f'`condition_channels` is {channels}; it must be at least 0.'
    )
  return [
    tf.Variable(tf.zeros([channels, size], dtype), name=f'condition_weight_{j}')
    for j, size in enumerate(sizes if channels else ())
  ]
