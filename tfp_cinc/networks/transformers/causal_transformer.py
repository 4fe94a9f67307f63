"""Causal transformers as networks of autoregressive flows."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.networks.base import ImageNetwork
from tfp_cinc.networks.condition import append_condition
from tfp_cinc.networks.transformers.tokens import (
  ORDERS,
  as_image,
  as_tokens,
  static_size,
)
from tfp_cinc.networks.transformers.transformer import (
  Transformer,
  trainable_transformer,
)

__all__ = ['CausalTransformer', 'trainable_causal_transformer']


class CausalTransformer(ImageNetwork, tfp_compat.CompositeModule):
  """A transformer whose output pixel depends only on the pixels before it.

  Each pixel is a token. After `Squeeze(p)`, a pixel is a patch of p x p pixels.
  The input is shifted by one token, so that output i depends on the pixels
  1 ... i - 1. The first token is zero; its position makes it a start token. The
  condition is not shifted: its channels are appended to those of the pixels,
  and output i depends on all of a vector and on the pixels 1 ... i of a map.

  `read_pixels` computes the outputs one by one. It keeps the keys and values of
  earlier tokens in a cache of 2 K N L D numbers for K layers, N images, L = H W
  pixels and D channels.

  H and W must be known at trace time. A call raises `ValueError` if they are
  unknown.

  Cost: O(L D^2 + L^2 D) for each layer.

  #### Example

  >>> network = trainable_causal_transformer(2, 4, hidden_channels=16, seed=1)
  >>> network(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 4])

  #### References

  Zhai et al. 2024, [TarFlow](https://arxiv.org/abs/2412.06329), section 2.2; Gu
  et al. 2025, [STARFlow](https://arxiv.org/abs/2506.06276), for the start
  token.
  """

  def __init__(
    self,
    transformer: Transformer,
    order: str = 'raster',
    *,
    condition_channels: int = 0,
    network_dtype: DTypeLike | None = None,
    name: str = 'causal_transformer',
  ):
    """Stores the transformer.

    Args:
      transformer: Transformer of C_in + `condition_channels` channels.
      order: Order of the pixels: 'raster', or 'reversed' to start with the last
        pixel.
      condition_channels: Number of channels of the condition, 0 for none.
      network_dtype: Dtype in which the network computes, see `ImageNetwork`.
      name: Name of the module.

    Raises:
      ValueError: If the arguments are invalid for an `ImageNetwork`, or `order`
        is unknown.
    """
    check_choice('order', order, ORDERS)
    super().__init__(
      transformer.in_channels - condition_channels,
      condition_channels=condition_channels,
      dtype=transformer.dtype,
      network_dtype=network_dtype,
      name=name,
    )
    self._transformer, self._order = transformer, order

  @property
  def order(self) -> str:
    """Order of the pixels, 'raster' or 'reversed'."""
    return self._order

  def read_pixels(
    self, x: tf.Tensor, condition: TensorLike | None = None
  ) -> tuple[list, Callable]:
    """Returns a state and a function that computes one output pixel.

    Args:
      x: `Tensor` [..., H, W, C_in]; only its shape is used.
      condition: Condition, as in a call of the network.

    Returns:
      (the state before the first pixel, function). The function is called as
      `step(i, pixel, state)` for i = 0, 1, ..., in `order`, with the pixel
      [N, C_in] before pixel i (any pixel for i = 0), where N is the number of
      images. It returns the output [N, C_out] at pixel i and the next state.

    Raises:
      ValueError: As a call of the network does.
    """
    size = static_size(self.name, x)
    channels = self._condition_channels
    x = append_condition(self.name, x, condition, channels)
    tokens = as_tokens(x, self._order)
    given = tokens[..., self._in_channels :] if channels else None

    def step(place, pixel, state):
      pixel = tf.where(place > 0, pixel, tf.zeros([], pixel.dtype))
      if given is not None:
        own = tf.gather(given, place, axis=1)
        pixel = tf.concat([pixel, own], -1)
      return self._transformer.step(
        pixel, place, state, size, self._network_dtype
      )

    state = self._transformer.new_cache(
      tf.shape(tokens)[0], tokens.shape[1], self._network_dtype
    )
    return state, step

  def _run(self, x):
    size = static_size(self.name, x)
    tokens = as_tokens(x, self._order)
    pixels, condition = tf.split(
      tokens, [self._in_channels, self._condition_channels], axis=-1
    )
    before = tf.pad(pixels[:, :-1], [[0, 0], [1, 0], [0, 0]])
    if self._condition_channels:
      before = tf.concat([before, condition], -1)
    y = self._transformer(before, size, self._network_dtype, is_causal=True)
    return as_image(y, x, self._order)


def trainable_causal_transformer(
  in_channels: int,
  out_channels: int,
  *,
  hidden_channels: int = 512,
  num_layers: int = 2,
  num_heads: int | None = None,
  image_size: Sequence[int] | None = None,
  order: str = 'raster',
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'causal_transformer',
) -> CausalTransformer:
  """Returns a trainable `CausalTransformer` whose initial output is zero.

  Args:
    in_channels: Number of input channels C_in.
    out_channels: Number of output channels C_out.
    hidden_channels: Number of channels D of the layers.
    num_layers: Number of layers.
    num_heads: Number of heads, which divides `hidden_channels`. None means
      heads of 64 channels, at least one.
    image_size: Height and width of the images, for learned positions. None
      means rotary positions, for images of any size.
    order: 'raster' or 'reversed', see `CausalTransformer`.
    condition_channels: Number of channels of the condition, 0 for none.
    seed: Seed of the initial values. None draws new ones.
    dtype: Floating dtype of inputs, outputs and Variables.
    network_dtype: Dtype in which the network computes, see `ImageNetwork`.
    name: Name of the module.

  Raises:
    ValueError: If an argument is not as described above.
  """
  with tf.name_scope(name):
    transformer = trainable_transformer(
      in_channels + condition_channels,
      out_channels,
      hidden_channels=hidden_channels,
      num_layers=num_layers,
      num_heads=num_heads,
      image_size=image_size,
      seed=seed,
      dtype=dtype,
    )
    return CausalTransformer(
      transformer,
      order,
      condition_channels=condition_channels,
      network_dtype=network_dtype,
      name=name,
    )
