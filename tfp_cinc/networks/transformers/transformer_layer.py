"""A layer of a transformer."""

import math
from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.seeds import split_seed
from tfp_cinc.networks.dense import Dense, trainable_dense
from tfp_cinc.networks.layer_norm import LayerNorm, trainable_layer_norm
from tfp_cinc.networks.transformers.attention import attention
from tfp_cinc.networks.transformers.rotary_positions import rotate

__all__ = ['TransformerLayer', 'trainable_transformer_layer']


class TransformerLayer(tfp_compat.CompositeModule):
  """Self-attention and a network of each token, both residual.

  ```
  g = h + project(attention(attend(norm_1(h))))
  y = g + contract(gelu(expand(norm_2(g))))
  ```

  `attend` returns queries, keys and values side by side. `expand` has four
  times as many outputs as h has channels.

  Cost: O(L D^2 + L^2 D) for L tokens of D channels.

  #### Example

  >>> layer = trainable_transformer_layer(8, num_heads=2, seed=1)
  >>> layer(tf.ones([5, 6, 8])).shape
  TensorShape([5, 6, 8])

  #### References

  Vaswani et al. 2017, [Attention Is All You
  Need](https://arxiv.org/abs/1706.03762), section 3; Dosovitskiy et al. 2020,
  [An Image is Worth 16x16 Words](https://arxiv.org/abs/2010.11929), section
  3.1, for the place of the norms.
  """

  def __init__(
    self,
    norms: Sequence[LayerNorm],
    attend: Dense,
    project: Dense,
    expand: Dense,
    contract: Dense,
    num_heads: int,
    name: str = 'transformer_layer',
  ):
    """Stores the parts.

    Args:
      norms: The norm of the attention and that of the network of each token.
      attend: Layer from D to 3 D channels.
      project: Layer from D to D channels.
      expand: Layer from D to 4 D channels.
      contract: Layer from 4 D to D channels.
      num_heads: Number of heads of the attention.
      name: Name of the module.
    """
    super().__init__(name=name)
    self._norms = list(norms)
    self._attend, self._project = attend, project
    self._expand, self._contract = expand, contract
    self._num_heads = num_heads

  @property
  def num_heads(self) -> int:
    """Number of heads of the attention."""
    return self._num_heads

  @property
  def channels(self) -> int:
    """Number of channels D of a token."""
    return self._attend.in_channels

  def __call__(self, h: tf.Tensor, angles=None, mask=None) -> tf.Tensor:
    """Returns the output of all tokens.

    Args:
      h: Floating `Tensor` [N, L, D].
      angles: Angles of rotary positions, [L, d / 2] for heads of d channels, or
        None.
      mask: Bool `Tensor` [L, L]: the tokens that each token may read. None
        means all.

    Returns:
      `Tensor` [N, L, D].
    """
    query, key, value = self._heads(h)
    if angles is not None:
      query, key = rotate(query, angles), rotate(key, angles)
    return self._finish(h, attention(query, key, value, mask))

  def new_cache(self, count, length: int, dtype: tf.DType) -> tuple:
    """Returns the empty cache of keys and values.

    Args:
      count: Number N of sequences.
      length: Number L of tokens of a sequence.
      dtype: Dtype in which the layer computes.

    Returns:
      Two tensors [N, num_heads, L, D / num_heads].
    """
    depth = self.channels // self._num_heads
    zeros = tf.zeros([count, self._num_heads, length, depth], dtype)
    zeros = tf.ensure_shape(zeros, [None, *zeros.shape[1:]])
    return zeros, zeros

  def step(self, h: tf.Tensor, place, cache: tuple, angles=None) -> tuple:
    """Returns the output of one token, which reads only the tokens before it.

    Args:
      h: `Tensor` [N, 1, D], the token at `place`.
      place: Scalar integer `Tensor`, counted from 0.
      cache: Keys and values of the tokens before `place`.
      angles: Angles of the token, [d / 2], or None.

    Returns:
      (the output [N, 1, D], the cache with the keys and values of the token).
    """
    query, key, value = self._heads(h)
    if angles is not None:
      query, key = rotate(query, angles), rotate(key, angles)
    places = tf.range(cache[0].shape[-2])
    is_here = (places == place)[:, tf.newaxis]
    keys = tf.where(is_here, key, cache[0])
    values = tf.where(is_here, value, cache[1])
    attended = attention(query, keys, values, places <= place)
    return self._finish(h, attended), (keys, values)

  def _heads(self, h):
    """Returns queries, keys and values, [N, num_heads, L, d] each."""
    depth = self.channels // self._num_heads
    both = self._attend(self._norms[0](h))
    sizes = [-1, h.shape[1], 3, self._num_heads, depth]
    both = tf.transpose(tf.reshape(both, sizes), [2, 0, 3, 1, 4])
    return tf.unstack(both)

  def _finish(self, h, attended):
    """Returns the output, given the attention [N, num_heads, L, d]."""
    attended = tf.transpose(attended, [0, 2, 1, 3])
    h += self._project(tf.reshape(attended, [-1, *h.shape[1:]]))
    hidden = tf.nn.gelu(self._expand(self._norms[1](h)), approximate=True)
    return h + self._contract(hidden)


def trainable_transformer_layer(
  channels: int,
  *,
  num_heads: int,
  num_layers: int = 1,
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'transformer_layer',
) -> TransformerLayer:
  """Returns a trainable `TransformerLayer`.

  Args:
    channels: Number of channels D of a token, a multiple of `num_heads`.
    num_heads: Number of heads.
    num_layers: Number of layers of the whole transformer. The two kernels that
      add to the residual stream start smaller by sqrt(2 num_layers).
    seed: Seed of the initial kernels. None draws new ones.
    dtype: Floating dtype of the Variables.
    name: Name of the module.

  Raises:
    ValueError: If `channels` is not a multiple of `num_heads`.
  """
  if channels % num_heads:
    raise ValueError(
      f'`hidden_channels` is {channels}; it must be a multiple of `num_heads` '
      f'= {num_heads}, which is `hidden_channels` // 64 by default.'
    )
  scale = 1 / math.sqrt(2 * num_layers)
  shapes = {
    'attend': (channels, 3 * channels, 1.0),
    'project': (channels, channels, scale),
    'expand': (channels, 4 * channels, 1.0),
    'contract': (4 * channels, channels, scale),
  }
  with tf.name_scope(name):
    parts = {
      part: trainable_dense(
        inputs, outputs, scale=scale, seed=own, dtype=dtype, name=part
      )
      for (part, (inputs, outputs, scale)), own in zip(
        shapes.items(), split_seed(seed, 4), strict=True
      )
    }
    norms = [
      trainable_layer_norm(channels, dtype=dtype, name=f'norm_{i}')
      for i in (1, 2)
    ]
    return TransformerLayer(norms, **parts, num_heads=num_heads, name=name)
