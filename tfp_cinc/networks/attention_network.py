"""The convolution and self-attention network of Flow++'s couplings.

More than 300 lines: the network and its parts, which nothing else uses.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.seeds import split_seed
from tfp_cinc.internal.shapes import (
  check_sizes,
)
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.networks.base import ImageNetwork
from tfp_cinc.networks.conv_network import (
  Conv2D,
  trainable_conv2d,
)
from tfp_cinc.networks.layer_norm import (
  LayerNorm,
  trainable_layer_norm,
)
from tfp_cinc.networks.transformers.attention import attention

__all__ = [
  'AttentionNetwork',
  'position_encoding',
  'trainable_attention_network',
]


class AttentionNetwork(ImageNetwork, tfp_compat.CompositeModule):
  """Blocks of a gated convolution and gated self-attention over all pixels.

  ```
  h = conv3x3(x)
  repeat num_blocks times:
    h = norm(h + gate(elus(conv3x3(elus(h)))))
    h = norm(h + gate(attention(conv1x1(h + positions))))
  y = conv3x3(h)
  ```

  - elus(h) = concat(elu(h), elu(-h)) over channels;
  - gate(h) = a * sigmoid(b), where a and b are the halves of conv1x1(h);
  - attention = softmax(q k^T / sqrt(d)) v over the H W pixels, in each of
    num_heads heads of d = C / num_heads channels;
  - norm = `LayerNorm` over channels; positions = `position_encoding`.

  Softmax and norms are computed in float32 or higher precision. H and W must be
  known at trace time; they may differ between calls. A call raises `ValueError`
  if they are unknown.

  Cost: O(H W C^2 + (H W)^2 C) for each block of C channels. The attention
  weights take num_heads (H W)^2 numbers for each image.

  #### Example

  >>> network = trainable_attention_network(2, 4, hidden_channels=16, seed=1)
  >>> network(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 4])

  #### References

  Ho et al. 2019, [Flow++](https://arxiv.org/abs/1902.00275), section 3.3. The
  models of the paper have 10 blocks of 96 channels and 4 heads. They use
  dropout; this network does not, because a coupling must compute the same
  function in each call.

  Vaswani et al. 2017, [Attention Is All You
  Need](https://arxiv.org/abs/1706.03762), section 3.2.
  """

  def __init__(
    self,
    first: Conv2D,
    blocks: Sequence[tuple['GatedConvolution', 'GatedAttention']],
    last: Conv2D,
    *,
    condition_channels: int = 0,
    network_dtype: DTypeLike | None = None,
    name: str = 'attention_network',
  ):
    """Stores the layers.

    Args:
      first: First convolution, which reads C_in + `condition_channels`
        channels.
      blocks: Pairs of a gated convolution and a gated attention.
      last: Last convolution, from C to C_out channels.
      condition_channels: Number of channels of the condition, 0 for none.
      network_dtype: Dtype in which the network computes, see `ImageNetwork`.
      name: Name of the module.

    Raises:
      ValueError: If the arguments are invalid for an `ImageNetwork`.
    """
    super().__init__(
      first.in_channels - condition_channels,
      condition_channels=condition_channels,
      dtype=first.dtype,
      network_dtype=network_dtype,
      name=name,
    )
    self._first, self._last = first, last
    self._blocks = [list(block) for block in blocks]

  def _apply(self, x):
    height, width = x.shape[1:3]
    if None in (height, width):
      raise ValueError(
        f'{self.name}: images have shape {x.shape}; their height and width '
        'must be known.'
      )
    h = self._first(x)
    positions = position_encoding(height, width, h.shape[-1])
    positions = [tf.constant(part, h.dtype) for part in positions]
    for gated_convolution, gated_attention in self._blocks:
      h = gated_convolution(h)
      h = gated_attention(h, positions)
    return self._last(h)


class Gate(tfp_compat.CompositeModule):
  """The gate a * sigmoid(b), where a and b are the halves of conv1x1(h)."""

  def __init__(self, conv: Conv2D, name: str = 'gate'):
    super().__init__(name=name)
    self._conv = conv

  def __call__(self, h):
    value, gate = tf.split(self._conv(h), 2, axis=-1)
    return value * tf.sigmoid(gate)


class GatedConvolution(tfp_compat.CompositeModule):
  """The residual block norm(h + gate(elus(conv3x3(elus(h)))))."""

  def __init__(
    self,
    conv: Conv2D,
    gate: Gate,
    norm: LayerNorm,
    name: str = 'gated_convolution',
  ):
    super().__init__(name=name)
    self._conv, self._gate, self._norm = conv, gate, norm

  def __call__(self, h):
    return self._norm(h + self._gate(_elus(self._conv(_elus(h)))))


class GatedAttention(tfp_compat.CompositeModule):
  """The residual block norm(h + gate(attention(conv1x1(h + positions))))."""

  def __init__(
    self,
    conv: Conv2D,
    gate: Gate,
    norm: LayerNorm,
    num_heads: int,
    name: str = 'gated_attention',
  ):
    super().__init__(name=name)
    self._conv, self._gate, self._norm = conv, gate, norm
    self._num_heads = num_heads

  def __call__(self, h, positions):
    rows, columns = positions
    attended = _attention(self._conv(h + rows + columns), self._num_heads)
    return self._norm(h + self._gate(attended))


def trainable_attention_network(
  in_channels: int,
  out_channels: int,
  *,
  hidden_channels: int = 512,
  num_blocks: int = 2,
  num_heads: int = 4,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'attention_network',
) -> AttentionNetwork:
  """Returns a trainable `AttentionNetwork` whose initial output is zero.

  Args:
    in_channels: Number of input channels C_in.
    out_channels: Number of output channels C_out.
    hidden_channels: Number of channels C of the blocks, a multiple of
      `num_heads`.
    num_blocks: Number of blocks, each a convolution and an attention.
    num_heads: Number of heads of each attention.
    condition_channels: Number of channels of the condition, 0 for none.
    seed: Seed of the initial kernels. None draws new ones.
    dtype: Floating dtype of inputs, outputs and Variables.
    network_dtype: Dtype in which the network computes, see `ImageNetwork`.
    name: Name of the module.

  Raises:
    ValueError: If a size is less than 1, `condition_channels` is negative,
      `hidden_channels` is not a multiple of `num_heads`, or `network_dtype`
      cannot be used with `dtype`.
  """
  check_sizes(
    in_channels=in_channels,
    out_channels=out_channels,
    hidden_channels=hidden_channels,
    num_blocks=num_blocks,
    num_heads=num_heads,
  )
  if hidden_channels % num_heads:
    raise ValueError(
      f'`hidden_channels` is {hidden_channels}; it must be a multiple of '
      f'`num_heads` = {num_heads}.'
    )

  def layers(
    conv_in: int, conv_out: int, conv_size: int, gate_in: int, layer_seed: int
  ) -> tuple[Conv2D, Gate, LayerNorm]:
    """Returns the convolution, the gate and the norm of one gated layer."""
    conv_seed, gate_seed = split_seed(layer_seed, 2)
    conv = trainable_conv2d(
      conv_in, conv_out, conv_size, seed=conv_seed, dtype=dtype
    )
    with tf.name_scope('gate'):
      gate = Gate(
        trainable_conv2d(
          gate_in, 2 * hidden_channels, 1, seed=gate_seed, dtype=dtype
        )
      )
    return conv, gate, trainable_layer_norm(hidden_channels, dtype=dtype)

  first_seed, *seeds = split_seed(seed, 1 + 2 * num_blocks)
  width = hidden_channels
  with tf.name_scope(name):
    first = trainable_conv2d(
      in_channels + condition_channels,
      width,
      3,
      seed=first_seed,
      dtype=dtype,
      name='first',
    )
    blocks = []
    for i in range(num_blocks):
      with tf.name_scope(f'convolution_{i}'):
        parts = layers(2 * width, width, 3, 2 * width, seeds[2 * i])
        convolution = GatedConvolution(*parts, name=f'convolution_{i}')
      with tf.name_scope(f'attention_{i}'):
        parts = layers(width, 3 * width, 1, width, seeds[2 * i + 1])
        attention = GatedAttention(*parts, num_heads, name=f'attention_{i}')
      blocks.append((convolution, attention))
    last = trainable_conv2d(
      width, out_channels, 3, start='zero', dtype=dtype, name='last'
    )
  return AttentionNetwork(
    first,
    blocks,
    last,
    condition_channels=condition_channels,
    network_dtype=network_dtype,
    name=name,
  )


def _elus(h):
  """Returns concat(elu(h), elu(-h)) over channels."""
  return tf.nn.elu(tf.concat([h, -h], -1))


def _attention(h, num_heads):
  """Returns the attention over all pixels.

  Args:
    h: Queries, keys and values side by side, `Tensor` [N, H, W, 3 * C].
    num_heads: Number of heads that share the C channels.

  Returns:
    `Tensor` [N, H, W, C].
  """
  height, width, channels = h.shape[1], h.shape[2], h.shape[3] // 3
  depth = channels // num_heads
  h = tf.reshape(h, [-1, height * width, 3, num_heads, depth])
  query, key, value = tf.unstack(tf.transpose(h, [2, 0, 3, 1, 4]))
  attended = tf.transpose(attention(query, key, value), [0, 2, 1, 3])
  return tf.reshape(attended, [-1, height, width, channels])


def position_encoding(
  height: int, width: int, channels: int
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the sinusoidal encoding of the row and the column of each pixel.

  The encoding of the pixel (i, j) is the sum of the two arrays. With
  frequencies w_n = 10000^(-n / ceil(C / 4)), its channel 4 n + m is

  ```
  sin(w_n i), sin(w_n j), cos(w_n i), cos(w_n j)   for m = 0, 1, 2, 3
  ```

  #### Example

  >>> rows, columns = position_encoding(2, 3, channels=4)
  >>> np.round((rows + columns)[1, 2], 2).tolist()
  [0.84, 0.91, 0.54, -0.42]

  #### References

  Vaswani et al. 2017, [Attention Is All You
  Need](https://arxiv.org/abs/1706.03762), section 3.5, extended to two
  dimensions.

  Args:
    height: Number of rows H.
    width: Number of columns W.
    channels: Number of channels C. At least 2 are needed to distinguish all
      pixels.

  Returns:
    Two arrays: [H, 1, C] for the rows and [1, W, C] for the columns. A graph
    that stores both is much smaller than one that stores their sum.
  """
  count = -(-channels // 4)
  frequencies = 10000.0 ** (-np.arange(count) / count)

  def encode(size, places):
    angles = np.arange(size)[:, np.newaxis] * frequencies
    encoding = np.zeros([size, count, 4])
    encoding[..., places] = np.stack([np.sin(angles), np.cos(angles)], -1)
    return encoding.reshape([size, -1])[:, :channels]

  return encode(height, [0, 2])[:, np.newaxis], encode(width, [1, 3])[None]
