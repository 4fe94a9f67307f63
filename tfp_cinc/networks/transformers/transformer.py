"""The transformer that both networks of images contain."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.seeds import split_seed
from tfp_cinc.internal.shapes import check_sizes
from tfp_cinc.networks.dense import Dense, trainable_dense
from tfp_cinc.networks.layer_norm import LayerNorm, trainable_layer_norm
from tfp_cinc.networks.transformers.rotary_positions import rotary_angles
from tfp_cinc.networks.transformers.transformer_layer import (
  TransformerLayer,
  trainable_transformer_layer,
)

__all__ = ['Transformer', 'trainable_transformer']

_HEAD_DEPTH = 64  # channels of a head, by default


class Transformer(tfp_compat.CompositeModule):
  """A transformer of the pixels of an image as tokens.

  ```
  h = embed(x) + positions
  h = layer(h)   for each layer
  y = head(norm(h))
  ```

  Positions are learned, or rotary if there are none. `embed`, `norm` and `head`
  compute in the dtype of x, the layers in a dtype of their own.
  """

  def __init__(
    self,
    embed: Dense,
    layers: Sequence[TransformerLayer],
    norm: LayerNorm,
    head: Dense,
    positions=None,
    name: str = 'transformer',
  ):
    """Stores the parts.

    Args:
      embed: Layer from C_in to D channels.
      layers: Layers of D channels.
      norm: Last norm.
      head: Layer from D to C_out channels.
      positions: Floating `Tensor` or `Variable` [L, D], or None for rotary
        positions.
      name: Name of the module.
    """
    super().__init__(name=name)
    self._embed, self._layers = embed, list(layers)
    self._norm, self._head = norm, head
    self._positions = positions

  @property
  def in_channels(self) -> int:
    """Number of channels C_in of a token."""
    return self._embed.in_channels

  @property
  def dtype(self) -> tf.DType:
    """Dtype of the Variables."""
    return self._embed.dtype

  def __call__(
    self,
    x: tf.Tensor,
    image_size: tuple[int, int],
    dtype: tf.DType,
    is_causal: bool,
  ) -> tf.Tensor:
    """Returns the output of all tokens.

    Args:
      x: Floating `Tensor` [N, L, C_in].
      image_size: Height and width of the image, with L pixels.
      dtype: Dtype in which the layers compute.
      is_causal: Whether each token reads only itself and the tokens before it.

    Returns:
      `Tensor` [N, L, C_out].

    Raises:
      ValueError: If there are learned positions for another number of tokens.
    """
    angles = self._angles(image_size)
    h = self._embed(x)
    if self._positions is not None:
      h += self._positions
    h, mask = tf.cast(h, dtype), None
    if is_causal:
      places = tf.range(x.shape[1])
      mask = places[:, tf.newaxis] >= places
    for layer in self._layers:
      h = layer(h, angles, mask)
    return self._head(self._norm(tf.cast(h, x.dtype)))

  def new_cache(self, count, length: int, dtype: tf.DType) -> list:
    """Returns the empty caches of the layers; see `TransformerLayer`."""
    return [layer.new_cache(count, length, dtype) for layer in self._layers]

  def step(
    self,
    x: tf.Tensor,
    place,
    caches: list,
    image_size: tuple[int, int],
    dtype: tf.DType,
  ) -> tuple[tf.Tensor, list]:
    """Returns the output of one token of a causal transformer.

    Args:
      x: `Tensor` [N, C_in], the token at `place`.
      place: Scalar integer `Tensor`, counted from 0.
      caches: Caches of the tokens before `place`.
      image_size: As above.
      dtype: As above.

    Returns:
      (the output [N, C_out], the new caches).
    """
    angles = self._angles(image_size)
    if angles is not None:
      angles = tf.gather(tf.constant(angles, self.dtype), place)
    h = self._embed(x)
    if self._positions is not None:
      h += tf.gather(tf.convert_to_tensor(self._positions), place)
    h = tf.cast(h, dtype)[:, tf.newaxis]
    new = []
    for layer, cache in zip(self._layers, caches, strict=True):
      h, cache = layer.step(h, place, cache, angles)
      new.append(cache)
    h = tf.cast(h[:, 0], x.dtype)
    return self._head(self._norm(h)), new

  def _angles(self, image_size):
    """Returns the angles of rotary positions, or None if they are learned."""
    height, width = image_size
    if self._positions is None:
      layer = self._layers[0]
      depth = layer.channels // layer.num_heads
      return rotary_angles(height, width, depth).astype(
        self.dtype.as_numpy_dtype
      )
    if self._positions.shape[0] != height * width:
      raise ValueError(
        f'{self.name}: images have {height} x {width} pixels and there are '
        f'{self._positions.shape[0]} learned positions; the numbers must be '
        'equal. Rotary positions are for images of any size.'
      )
    return None


def trainable_transformer(
  in_channels: int,
  out_channels: int,
  *,
  hidden_channels: int,
  num_layers: int,
  num_heads: int | None,
  image_size: Sequence[int] | None,
  seed: int | None,
  dtype,
  name: str = 'transformer',
) -> Transformer:
  """Returns a trainable `Transformer` whose initial output is zero.

  Args:
    in_channels: Number of channels C_in of a token.
    out_channels: Number of channels C_out of the output.
    hidden_channels: Number of channels D of the layers.
    num_layers: Number of layers.
    num_heads: Number of heads, which divides `hidden_channels`. None means
      heads of 64 channels, at least one.
    image_size: Height and width of the images, for learned positions. None
      means rotary positions.
    seed: Seed of the initial values. None draws new ones.
    dtype: Floating dtype of the Variables.
    name: Name of the module.

  Raises:
    ValueError: If an argument is not as described above.
  """
  if num_heads is None:
    num_heads = max(1, hidden_channels // _HEAD_DEPTH)
  check_sizes(
    in_channels=in_channels,
    out_channels=out_channels,
    hidden_channels=hidden_channels,
    num_layers=num_layers,
    num_heads=num_heads,
  )
  if image_size is None and hidden_channels % (4 * num_heads):
    raise ValueError(
      f'`hidden_channels` is {hidden_channels}; rotary positions need a '
      f'multiple of 4 for each of the `num_heads` = {num_heads} heads.'
    )
  embed_seed, position_seed, *seeds = split_seed(seed, num_layers + 2)
  with tf.name_scope(name):
    positions = None
    if image_size is not None:
      if np.shape(image_size) != (2,):
        raise ValueError(
          f'`image_size` is {image_size}; it must be [height, width].'
        )
      height, width = image_size
      check_sizes(height=height, width=width)
      values = np.random.default_rng(position_seed).normal(
        size=[height * width, hidden_channels], scale=hidden_channels**-0.5
      )
      positions = tf.Variable(tf.cast(values, dtype), name='positions')
    return Transformer(
      trainable_dense(
        in_channels, hidden_channels, seed=embed_seed, dtype=dtype, name='embed'
      ),
      [
        trainable_transformer_layer(
          hidden_channels,
          num_heads=num_heads,
          num_layers=num_layers,
          seed=own,
          dtype=dtype,
          name=f'layer_{i}',
        )
        for i, own in enumerate(seeds)
      ],
      trainable_layer_norm(hidden_channels, dtype=dtype, name='norm'),
      trainable_dense(
        hidden_channels, out_channels, scale=0.0, dtype=dtype, name='head'
      ),
      positions,
      name=name,
    )
