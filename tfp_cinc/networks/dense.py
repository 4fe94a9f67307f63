"""Linear layers."""

import math

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.seeds import split_seed
from tfp_cinc.internal.shapes import check_sizes
from tfp_cinc.internal.types import DTypeLike

__all__ = ['Dense', 'trainable_dense']


class Dense(tfp_compat.CompositeModule):
  """A linear layer, y = x @ kernel + bias.

  It computes in the dtype of its input, whatever the dtype of its Variables.

  #### Example

  >>> layer = Dense(tf.eye(2), tf.constant([1.0, 2.0]))
  >>> layer(tf.ones([2])).numpy().tolist()
  [2.0, 3.0]
  """

  def __init__(
    self,
    kernel: tf.Tensor | tf.Variable,
    bias: tf.Tensor | tf.Variable,
    name: str = 'dense',
  ):
    """Stores the kernel and the bias.

    Args:
      kernel: Floating `Tensor` or `Variable` [C_in, C_out].
      bias: Floating `Tensor` or `Variable` [C_out].
      name: Name of the module.
    """
    super().__init__(name=name)
    self._kernel, self._bias = kernel, bias

  @property
  def kernel(self) -> tf.Tensor | tf.Variable:
    """Kernel [C_in, C_out]."""
    return self._kernel

  @property
  def in_channels(self) -> int:
    """Number of input channels C_in."""
    return self._kernel.shape[0]

  @property
  def out_channels(self) -> int:
    """Number of output channels C_out."""
    return self._kernel.shape[1]

  @property
  def dtype(self) -> tf.DType:
    """Dtype of the kernel and the bias."""
    return self._kernel.dtype

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """Returns the output [..., C_out] for an input [..., C_in]."""
    y = tf.tensordot(x, tf.cast(self._kernel, x.dtype), 1)
    return y + tf.cast(self._bias, x.dtype)


def trainable_dense(
  in_channels: int,
  out_channels: int,
  *,
  scale: float = 1.0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'dense',
) -> Dense:
  """Returns a trainable `Dense`.

  Args:
    in_channels: Number of input channels C_in.
    out_channels: Number of output channels C_out.
    scale: Factor of the initial kernel, which is drawn from N(0, 1 / C_in). 0
      starts at zero. The bias starts at zero.
    seed: Seed of the initial kernel. None draws a new one.
    dtype: Floating dtype of the Variables.
    name: Name of the module.

  Raises:
    ValueError: If a size is less than 1.
  """
  check_sizes(in_channels=in_channels, out_channels=out_channels)
  seed = split_seed(None, 1)[0] if seed is None else seed
  kernel = tf.random.stateless_normal(
    [in_channels, out_channels],
    [seed, 0],
    stddev=scale / math.sqrt(in_channels),
    dtype=dtype,
  )
  with tf.name_scope(name):
    return Dense(
      tf.Variable(kernel, name='kernel'),
      tf.Variable(tf.zeros([out_channels], dtype), name='bias'),
      name=name,
    )
