"""Types of arguments, for signatures."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import tensorflow as tf

__all__ = [
  'BlockNetwork',
  'CausalNetwork',
  'DTypeLike',
  'SeedLike',
  'TensorLike',
]

# Types that `tf.convert_to_tensor` accepts.
TensorLike: TypeAlias = tf.Tensor | tf.Variable | np.ndarray | Sequence | float
# Types that `tf.as_dtype` accepts.
DTypeLike: TypeAlias = tf.DType | np.dtype | type | str
# A seed as in TFP, or a function that returns one. None draws a new one.
SeedLike: TypeAlias = int | Sequence[int] | tf.Tensor | Callable | None


class BlockNetwork(Protocol):
  """A network that reads groups of channels in turn: `SharedNetwork`."""

  @property
  def groups(self) -> int:
    """Number of groups of channels."""

  def read_blocks(
    self, *arguments: Any, **conditions: Any
  ) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from input groups to output groups, one at a time."""


class CausalNetwork(Protocol):
  """A network that reads pixels in turn: `CausalTransformer`."""

  def __call__(self, x: tf.Tensor, **conditions: Any) -> tf.Tensor:
    """Returns the output of the network."""

  @property
  def in_channels(self) -> int:
    """Number of channels of the images."""

  @property
  def dtype(self) -> tf.DType:
    """Dtype of inputs and outputs."""

  @property
  def order(self) -> str:
    """Order of the pixels, 'raster' or 'reversed'."""

  def read_pixels(
    self, x: tf.Tensor, **conditions: Any
  ) -> tuple[list, Callable]:
    """Returns a state and a function that computes one output pixel."""
