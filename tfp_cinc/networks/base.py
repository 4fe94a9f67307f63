"""What all networks of images have in common."""

import tensorflow as tf

from tfp_cinc.internal.shapes import check_channels, on_image_batch
from tfp_cinc.networks.condition import append_condition
from tfp_cinc.networks.layers import check_sizes
from tfp_cinc.networks.precision import computing_dtype, resolve_network_dtype

__all__ = ['ImageNetwork']


class ImageNetwork(tf.Module):
  """A network from images [..., H, W, C_in] to images [..., H, W, C_out].

  Subclasses implement `_apply(x)`, from [N, H, W, C_in + K] to [N, H, W,
  C_out], which computes in the dtype of x. This class does the rest: any batch
  shape, the dtypes, and a condition, which becomes K more channels of x:

  - a vector [..., K], the same at every pixel: a one-hot label, say; or
  - a map [..., H', W', K] with H' = H * f and W' = W * f for an integer f >= 1,
    averaged over blocks of f x f pixels.

  A vector has two dimensions less than x, and a map as many as x; without batch
  dimensions, [K] or [H', W', K], they are one for all. Batch shapes broadcast.

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
    dtype=tf.float32,
    network_dtype=None,
    name: str = 'image_network',
  ):
    """Creates the network, without variables.

    Args:
      in_channels: C_in.
      condition_channels: K, 0 for a network without a condition.
      dtype: floating dtype of inputs, outputs and variables.
      network_dtype: what to compute in where it is not `dtype`: 'bfloat16' or
        'float16' beside variables in float32, by name or as a `tf.DType`; or
        'auto', which is bfloat16 where the processor multiplies it natively.
      name: name of the module.

    Raises:
      ValueError: if `in_channels` is less than 1 or `condition_channels` less
        than 0, or if `network_dtype` does not go with `dtype`.
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
    """How many channels the images have."""
    return self._in_channels

  @property
  def condition_channels(self) -> int:
    """How many channels the condition has, 0 where there is none."""
    return self._condition_channels

  @property
  def dtype(self) -> tf.DType:
    """The dtype of inputs, outputs and variables."""
    return self._dtype

  def __call__(self, x: tf.Tensor, condition=None) -> tf.Tensor:
    """The network's output.

    Args:
      x: floating `Tensor` [..., H, W, C_in].
      condition: numeric `Tensor`, a vector or a map as above, where
        `condition_channels` is not 0.

    Returns:
      `Tensor` [..., H, W, C_out].

    Raises:
      ValueError: if `x` has other dimensions, if `condition` is missing or is
        none of the above, or if there is one that the network does not take.
    """
    x = tf.convert_to_tensor(x)
    check_channels(self.name, x, self._in_channels)
    x = append_condition(self.name, x, condition, self._condition_channels)
    return on_image_batch(self._run, x)

  def _run(self, x):
    x = tf.cast(x, computing_dtype(self._dtype, self._network_dtype))
    return tf.cast(self._apply(x), self._dtype)

  def _apply(self, x: tf.Tensor) -> tf.Tensor:
    raise NotImplementedError(f'{type(self).__name__} has no method `_apply`.')
