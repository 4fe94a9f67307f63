"""Networks with a fixed condition."""

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.types import (
  CausalNetwork,
  DTypeLike,
  TensorLike,
)
from tfp_cinc.networks.dense_condition import ConditionalDenseNetwork
from tfp_cinc.networks.opaque_network import as_composite

__all__ = [
  'ConditionedBlockNetwork',
  'ConditionedCausalNetwork',
  'ConditionedNetwork',
  'broadcast_to_condition',
  'has_condition',
  'with_condition',
]


class ConditionedNetwork(tfp_compat.CompositeModule):
  """A conditional network bound to a condition.

  ```
  call(x) = network(x, condition=condition)
  ```

  The condition is one of the tensors of this module: it has gradients, and
  steps that share a trace treat it like a weight.

  #### Example

  >>> from tfp_cinc.networks import trainable_glow_network
  >>> network = trainable_glow_network(
  ...   2, 4, hidden_channels=8, condition_channels=3
  ... )
  >>> given = ConditionedNetwork(network, tf.one_hot(1, 3))
  >>> given(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 4])
  """

  # The condition is fixed; no other one is accepted.
  condition_channels = 0

  def __init__(
    self,
    network: Callable,
    condition: TensorLike,
    keyword: str = 'condition',
    name: str = 'conditioned_network',
  ):
    """Stores the network and the condition.

    Args:
      network: Callable that takes a condition, such as an `ImageNetwork` with
        `condition_channels`.
      condition: `Tensor` of a shape that the network accepts.
      keyword: Name of the argument by which the network takes the condition.
      name: Name of the module.
    """
    super().__init__(name=name)
    # Any, because subclasses need more of the network than a call.
    self._network: Any = as_composite(network)
    self._keyword = keyword
    self._condition = tfp_compat.convert_nonref_to_tensor(condition)

  @property
  def condition(self) -> tf.Tensor:
    """The condition."""
    return self._condition

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """Returns the output of the network under the condition."""
    return self._network(x, **{self._keyword: self._condition})

  def with_network_dtype(
    self, network_dtype: DTypeLike | None
  ) -> 'ConditionedNetwork':
    """Returns a copy whose network computes in another dtype.

    Args:
      network_dtype: Dtype in which the network computes, see `ImageNetwork`.
    """
    if not hasattr(self._network, 'with_network_dtype'):
      return self
    network = self._network.with_network_dtype(network_dtype)
    return type(self)(network, self._condition, self._keyword, self.name)


class ConditionedBlockNetwork(ConditionedNetwork):
  """A `ConditionedNetwork` whose network is a `SharedNetwork`."""

  def __init__(
    self,
    network: Callable,
    condition: TensorLike,
    keyword: str = 'condition',
    name: str = 'conditioned_block_network',
  ):
    super().__init__(network, condition, keyword, name)

  @property
  def groups(self) -> int:
    """Number of groups of channels."""
    return self._network.groups

  def read_blocks(self, known: Sequence[tf.Tensor] | None = None) -> Callable:
    """Calls `SharedNetwork.read_blocks` with the condition.

    Args:
      known: Groups of the input, if all of them are known; see `SharedNetwork`.
    """
    return self._network.read_blocks(known, **{self._keyword: self._condition})


class ConditionedCausalNetwork(ConditionedNetwork):
  """A `ConditionedNetwork` whose network is a `CausalTransformer`."""

  def __init__(
    self,
    network: CausalNetwork,
    condition: TensorLike,
    keyword: str = 'condition',
    name: str = 'conditioned_causal_network',
  ):
    super().__init__(network, condition, keyword, name)

  @property
  def in_channels(self) -> int:
    """Number of channels of the images."""
    return self._network.in_channels

  @property
  def dtype(self) -> tf.DType:
    """Dtype of inputs and outputs."""
    return self._network.dtype

  @property
  def order(self) -> str:
    """Order of the pixels."""
    return self._network.order

  def read_pixels(self, x: tf.Tensor) -> tuple[list, Callable]:
    """Calls `CausalTransformer.read_pixels` with the condition.

    Args:
      x: `Tensor` of the shape of the images.
    """
    return self._network.read_pixels(x, **{self._keyword: self._condition})


def with_condition(
  network: Callable, condition: TensorLike, keyword: str
) -> Callable:
  """Returns a conditional network bound to a condition.

  It is a `ConditionedNetwork`, unless the network can bind itself by a method
  `with_condition`.

  Args:
    network: Network whose `condition_channels` is not 0.
    condition: `Tensor` of a shape that the network accepts.
    keyword: Name of the argument by which the network takes the condition.
  """
  if hasattr(network, 'with_condition'):
    return network.with_condition(condition)
  kind: type[ConditionedNetwork]
  if hasattr(network, 'read_blocks'):
    kind = ConditionedBlockNetwork
  elif hasattr(network, 'read_pixels'):
    kind = ConditionedCausalNetwork
  else:
    kind = ConditionedNetwork
  return kind(network, condition, keyword)


def has_condition(
  network: Callable,
) -> TypeGuard[ConditionedNetwork | ConditionalDenseNetwork]:
  """Returns whether a network is bound to a condition."""
  kinds = ConditionedNetwork | ConditionalDenseNetwork
  return isinstance(network, kinds) and network.condition is not None


def broadcast_to_condition(
  network: Callable, x: tf.Tensor, event_ndims: int
) -> tf.Tensor:
  """Repeats events for which a network has several conditions.

  Args:
    network: Any network.
    x: `Tensor` [..., *event_shape].
    event_ndims: Rank of an event: 3 for images, 1 for vectors.

  Returns:
    `x`, broadcast to the batch shape of the condition that the network is bound
    to. Only static batch dimensions of 1 are broadcast.
  """
  if not has_condition(network):
    return x
  condition = network.condition
  is_map = event_ndims == 3 and condition.shape.rank > 2
  ndims = condition.shape.rank - (3 if is_map else 1)
  batch, own = condition.shape[:ndims], x.shape[:-event_ndims]
  pairs = zip(own[::-1], batch[::-1], strict=False)
  if not any(one == 1 and other != 1 for one, other in pairs):
    return x
  shape = tf.broadcast_dynamic_shape(
    tf.shape(x)[:-event_ndims], tf.shape(condition)[:ndims]
  )
  static = tf.broadcast_static_shape(own, batch)
  event_shape = x.shape[-event_ndims:]
  x = tf.broadcast_to(x, tf.concat([shape, tf.shape(x)[-event_ndims:]], 0))
  return tf.ensure_shape(x, static.concatenate(event_shape))
