"""The base class of image networks."""

import copy

import tensorflow as tf

from tfp_cinc.internal.shapes import (
  check_channels,
  check_sizes,
  on_image_batch,
)
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.networks.condition import append_condition
from tfp_cinc.networks.precision import resolve_network_dtype

__all__ = ['ImageNetwork']


class ImageNetwork(tf.Module):
  """A network from images [..., H, W, C_in] to images [..., H, W, C_out].

  A subclass implements `_apply(x)`, which maps [N, H, W, C_in + K] to
  [N, H, W, C_out] and computes in the dtype of x. This class adds support for
  any batch shape, the conversion of dtypes, and an optional condition. The
  condition is appended to x as K channels. It is either

  - a vector [K] or [N, K], such as a one-hot label, which is the same at every
    pixel; or
  - a map [..., H', W', K], which is resized by an integer factor f. With H' = H
    * f and W' = W * f it is averaged over blocks of f x f pixels. With H = H' *
    f and W = W' * f each of its pixels is repeated f x f times.

  A condition of rank 1 or 2 is a vector, one of a higher rank a map. Batch
  shapes broadcast; a condition without batch dimensions, [K] or [H', W', K],
  applies to all images. A batch of vectors of more dimensions is written as
  maps of one pixel, [..., 1, 1, K].

  #### Example

  >>> class Mean(ImageNetwork):
  ...   def _apply(self, x):
  ...     return tf.reduce_mean(x, axis=-1, keepdims=True)
  >>> network = Mean(in_channels=2, condition_channels=1)
  >>> network(tf.zeros([1, 1, 2]), condition=[6.0]).numpy().tolist()
  [[[2.0]]]
  """

  def __init__(
    self,
    in_channels: int,
    *,
    condition_channels: int = 0,
    dtype: DTypeLike = tf.float32,
    network_dtype: DTypeLike | None = None,
    name: str = 'image_network',
  ):
    """Stores the sizes and the dtypes; creates no Variables.

    Args:
      in_channels: Number of channels C_in of the images.
      condition_channels: Number of channels K of the condition, 0 for none.
      dtype: Floating dtype of inputs, outputs and Variables.
      network_dtype: Dtype in which the network computes. None means `dtype`.
        If `dtype` is float32, it can also be 'bfloat16' or 'float16', as a name
        or a `tf.DType`. 'auto' means bfloat16 if `dtype` is float32 and the
        processor multiplies bfloat16 natively, and `dtype` otherwise.
      name: Name of the module.

    Raises:
      ValueError: If `in_channels` is less than 1, `condition_channels` is
        negative, or `network_dtype` cannot be used with `dtype`.
    """
    super().__init__(name=name)
    check_sizes(in_channels=in_channels)
    if condition_channels < 0:
      raise ValueError(
        f'`condition_channels` is {condition_channels}; it must be at least 0.'
      )
    self._in_channels = in_channels
    self._condition_channels = condition_channels
    self._dtype = tf.as_dtype(dtype)
    self._network_dtype = resolve_network_dtype(self._dtype, network_dtype)

  @property
  def in_channels(self) -> int:
    """Number of channels of the images."""
    return self._in_channels

  @property
  def condition_channels(self) -> int:
    """Number of channels of the condition, 0 for none."""
    return self._condition_channels

  @property
  def dtype(self) -> tf.DType:
    """Dtype of inputs, outputs and Variables."""
    return self._dtype

  @property
  def network_dtype(self) -> tf.DType:
    """Dtype in which the network computes."""
    return self._network_dtype

  def __call__(
    self, x: tf.Tensor, condition: TensorLike | None = None
  ) -> tf.Tensor:
    """Returns the output of the network.

    Args:
      x: Floating `Tensor` [..., H, W, C_in].
      condition: Numeric `Tensor`, a vector or a map as described above. It is
        required if `condition_channels` is not 0, and must be None otherwise.

    Returns:
      `Tensor` [..., H, W, C_out].

    Raises:
      ValueError: If `x` or `condition` has the wrong shape, if `condition` is
        missing, or if the network does not take one.
    """
    x = tf.convert_to_tensor(x)
    if x.shape[-1] != self._in_channels:
      check_channels(self.name, x, self._in_channels)
    if self._condition_channels or condition is not None:
      return self._given(x, condition)
    if x.shape.rank == 4 and x.shape[0]:
      return self._run(x)
    return on_image_batch(self._run, x)

  def with_network_dtype(
    self, network_dtype: DTypeLike | None
  ) -> 'ImageNetwork':
    """Returns a copy of this network that computes in another dtype.

    The copy shares the Variables of this network.

    Args:
      network_dtype: Dtype, as in the constructor. None means the dtype of the
        Variables.

    Raises:
      ValueError: If `network_dtype` cannot be used with `dtype`.
    """
    other = copy.copy(self)
    other._network_dtype = resolve_network_dtype(self._dtype, network_dtype)
    return other

  def _given(self, x, condition):
    """Returns the output under a condition."""
    x = append_condition(self.name, x, condition, self._condition_channels)
    return on_image_batch(self._run, x)

  def _run(self, x):
    x = tf.cast(x, self._network_dtype)
    return tf.cast(self._apply(x), self._dtype)

  def _apply(self, x: tf.Tensor) -> tf.Tensor:
    raise NotImplementedError(f'{type(self).__name__} must define `_apply`.')
