"""The network of convolutions and self-attention of Flow++'s couplings."""

import numpy as np
import tensorflow as tf

from tfp_cinc.networks.base import ImageNetwork
from tfp_cinc.networks.layers import (
  Conv2D,
  LayerNorm,
  check_sizes,
  draw_seeds,
)
from tfp_cinc.networks.precision import at_least_float32

__all__ = ['AttentionNetwork', 'attention_network', 'position_encoding']


class AttentionNetwork(ImageNetwork):
  """Blocks of a gated convolution and gated self-attention over all pixels.

  ```
  h = conv3x3(x)
  h = norm(h + gate(elus(conv3x3(elus(h)))))               num_blocks times
  h = norm(h + gate(attention(conv1x1(h + positions))))    both lines
  y = conv3x3(h)
  ```

  - elus(h) = concat(elu(h), elu(-h)), over channels;
  - gate(h) = a * sigmoid(b), where a and b are the halves of conv1x1(h);
  - attention = softmax(q k^T / sqrt(d)) v over the H W pixels in each of
    num_heads heads of d = C / num_heads channels;
  - norm = `LayerNorm` over channels; positions = `position_encoding`.

  The last convolution starts at zero, and so does the output. Softmax and
  norms are computed in float32 or more. H and W must be known when it is
  traced; each call may have others.

  Cost: O(H W C^2 + (H W)^2 C) for each block of C channels; the attention
  weights take num_heads (H W)^2 numbers an image.

  Flow++ (Ho et al. 2019), section 3.3, whose models have 10 blocks of 96
  channels and 4 heads, and dropout, which is not here: a coupling must be the
  same map each time. Vaswani et al. 2017 (Attention Is All You Need), section
  3.2, for the attention.

  #### Example

  >>> network = AttentionNetwork(2, 4, hidden_channels=16, seed=1)
  >>> network(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 4])
  """

  def __init__(
    self,
    in_channels: int,
    out_channels: int,
    *,
    hidden_channels: int = 512,
    num_blocks: int = 2,
    num_heads: int = 4,
    condition_channels: int = 0,
    seed: int | None = None,
    dtype=tf.float32,
    network_dtype=None,
    name: str = 'attention_network',
  ):
    """Creates the network and its variables.

    Args:
      in_channels: C_in.
      out_channels: C_out.
      hidden_channels: C, the width of the blocks, a multiple of `num_heads`.
      num_blocks: how many pairs of a convolution and an attention there are.
      num_heads: how many heads each attention has.
      condition_channels: as in `ImageNetwork`.
      seed: of the initial kernels; None draws others each time.
      dtype: as in `ImageNetwork`.
      network_dtype: as in `ImageNetwork`.
      name: name of the module.

    Raises:
      ValueError: if a size is less than 1, `hidden_channels` is no multiple of
        `num_heads`, or `network_dtype` does not go with `dtype`.
    """
    super().__init__(
      in_channels,
      condition_channels=condition_channels,
      dtype=dtype,
      network_dtype=network_dtype,
      name=name,
    )
    check_sizes(
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
    first, *seeds = draw_seeds(seed, 1 + 2 * num_blocks)
    with tf.name_scope(name):
      self._first = Conv2D(
        in_channels + condition_channels,
        hidden_channels,
        3,
        seed=first,
        dtype=dtype,
        name='first',
      )
      self._blocks = []
      for i in range(num_blocks):
        convolution = _GatedConvolution(
          hidden_channels, seeds[2 * i], dtype, f'convolution_{i}'
        )
        attention = _GatedAttention(
          hidden_channels, num_heads, seeds[2 * i + 1], dtype, f'attention_{i}'
        )
        self._blocks.append([convolution, attention])
      self._last = Conv2D(
        hidden_channels, out_channels, 3, start='zero', dtype=dtype, name='last'
      )

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
    for convolution, attention in self._blocks:
      h = convolution(h)
      h = attention(h, positions)
    return self._last(h)


class _GatedConvolution(tf.Module):
  """norm(h + gate(elus(conv3x3(elus(h)))))."""

  def __init__(self, channels, seed, dtype, name):
    super().__init__(name=name)
    one, other = draw_seeds(seed, 2)
    with tf.name_scope(name):
      self._conv = Conv2D(2 * channels, channels, 3, seed=one, dtype=dtype)
      self._gate = _Gate(2 * channels, channels, other, dtype)
      self._norm = LayerNorm(channels, dtype=dtype)

  def __call__(self, h):
    return self._norm(h + self._gate(_elus(self._conv(_elus(h)))))


class _GatedAttention(tf.Module):
  """norm(h + gate(attention(conv1x1(h + positions))))."""

  def __init__(self, channels, num_heads, seed, dtype, name):
    super().__init__(name=name)
    self._num_heads = num_heads
    one, other = draw_seeds(seed, 2)
    with tf.name_scope(name):
      self._conv = Conv2D(channels, 3 * channels, 1, seed=one, dtype=dtype)
      self._gate = _Gate(channels, channels, other, dtype)
      self._norm = LayerNorm(channels, dtype=dtype)

  def __call__(self, h, positions):
    rows, columns = positions
    attended = _attention(self._conv(h + rows + columns), self._num_heads)
    return self._norm(h + self._gate(attended))


class _Gate(tf.Module):
  """a * sigmoid(b), where a and b are the halves of conv1x1(h)."""

  def __init__(self, in_channels, out_channels, seed, dtype):
    super().__init__(name='gate')
    with tf.name_scope('gate'):
      self._conv = Conv2D(
        in_channels, 2 * out_channels, 1, seed=seed, dtype=dtype
      )

  def __call__(self, h):
    value, gate = tf.split(self._conv(h), 2, axis=-1)
    return value * tf.sigmoid(gate)


def _elus(h):
  """concat(elu(h), elu(-h)), over channels."""
  return tf.nn.elu(tf.concat([h, -h], -1))


def _attention(h, num_heads):
  """Attention over the pixels of queries, keys and values side by side.

  Args:
    h: [N, H, W, 3 * C].
    num_heads: how many heads share the C channels.

  Returns:
    [N, H, W, C].
  """
  height, width, channels = h.shape[1], h.shape[2], h.shape[3] // 3
  depth = channels // num_heads
  h = tf.reshape(h, [-1, height * width, 3, num_heads, depth])
  query, key, value = tf.unstack(tf.transpose(h, [2, 0, 3, 1, 4]))
  scores = tf.matmul(query * depth**-0.5, key, transpose_b=True)
  weights = tf.cast(tf.nn.softmax(at_least_float32(scores)), h.dtype)
  attended = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
  return tf.reshape(attended, [-1, height, width, channels])


def position_encoding(
  height: int, width: int, channels: int
) -> tuple[np.ndarray, np.ndarray]:
  """Sines and cosines of a pixel's row and column, at many frequencies.

  Channel 4 n + m of the encoding of the pixel (i, j), the sum of the two
  arrays, is, with w_n = 10000^(-n / ceil(C / 4)),

  ```
  sin(w_n i), sin(w_n j), cos(w_n i), cos(w_n j)   for m = 0, 1, 2, 3
  ```

  Vaswani et al. 2017 (Attention Is All You Need), section 3.5, in two
  dimensions.

  #### Example

  >>> rows, columns = position_encoding(2, 3, channels=4)
  >>> np.round((rows + columns)[1, 2], 2).tolist()
  [0.84, 0.91, 0.54, -0.42]

  Args:
    height: H.
    width: W.
    channels: C, at least 2 to tell pixels apart.

  Returns:
    Two arrays [H, 1, C] and [1, W, C], of the row and of the column: together
    they are far smaller than their sum, in a graph that holds them.
  """
  count = -(-channels // 4)
  frequencies = 10000.0 ** (-np.arange(count) / count)

  def encode(size, places):
    angles = np.arange(size)[:, np.newaxis] * frequencies
    encoding = np.zeros([size, count, 4])
    encoding[..., places] = np.stack([np.sin(angles), np.cos(angles)], -1)
    return encoding.reshape([size, -1])[:, :channels]

  return encode(height, [0, 2])[:, np.newaxis], encode(width, [1, 3])[None]


# Called as `glow_network` is, with options of its own.
attention_network = AttentionNetwork
