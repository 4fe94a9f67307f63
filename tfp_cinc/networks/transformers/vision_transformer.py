"""Vision transformers as networks of couplings."""

from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.networks.base import ImageNetwork
from tfp_cinc.networks.transformers.tokens import static_size
from tfp_cinc.networks.transformers.transformer import (
  Transformer,
  trainable_transformer,
)

__all__ = ['VisionTransformer', 'trainable_vision_transformer']


class VisionTransformer(ImageNetwork, tfp_compat.CompositeModule):
  """A transformer that reads and writes the pixels of an image.

  Each pixel is a token. After `Squeeze(p)`, a pixel is a patch of p x p pixels.
  The channels of a condition are appended to those of the pixels. The first and
  the last linear layer compute in `dtype`, the others in `network_dtype`.

  H and W must be known at trace time. A call raises `ValueError` if they are
  unknown.

  Cost: O(L D^2 + L^2 D) for each layer, with L = H W pixels and D channels.

  #### Example

  >>> network = trainable_vision_transformer(2, 4, hidden_channels=16, seed=1)
  >>> network(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 4])

  #### References

  Dosovitskiy et al. 2020, [An Image is Worth 16x16
  Words](https://arxiv.org/abs/2010.11929), section 3.1; Kolesnikov, Pinto and
  Tschannen 2024, [Jet](https://arxiv.org/abs/2412.15129), for its use in
  couplings.
  """

  def __init__(
    self,
    transformer: Transformer,
    *,
    condition_channels: int = 0,
    network_dtype: DTypeLike | None = None,
    name: str = 'vision_transformer',
  ):
    """Stores the transformer.

    Args:
      transformer: Transformer of C_in + `condition_channels` channels.
      condition_channels: Number of channels of the condition, 0 for none.
      network_dtype: Dtype in which the network computes, see `ImageNetwork`.
      name: Name of the module.

    Raises:
      ValueError: If the arguments are invalid for an `ImageNetwork`.
    """
    super().__init__(
      transformer.in_channels - condition_channels,
      condition_channels=condition_channels,
      dtype=transformer.dtype,
      network_dtype=network_dtype,
      name=name,
    )
    self._transformer = transformer

  def _run(self, x):
    height, width = static_size(self.name, x)
    tokens = tf.reshape(x, [-1, height * width, x.shape[-1]])
    y = self._transformer(
      tokens, (height, width), self._network_dtype, is_causal=False
    )
    return tf.reshape(y, [-1, height, width, y.shape[-1]])


def trainable_vision_transformer(
  in_channels: int,
  out_channels: int,
  *,
  hidden_channels: int = 512,
  num_layers: int = 2,
  num_heads: int | None = None,
  image_size: Sequence[int] | None = None,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'transformer_network',
) -> VisionTransformer:
  """Returns a trainable `VisionTransformer` whose initial output is zero.

  Args:
    in_channels: Number of input channels C_in.
    out_channels: Number of output channels C_out.
    hidden_channels: Number of channels D of the layers.
    num_layers: Number of layers.
    num_heads: Number of heads, which divides `hidden_channels`. None means
      heads of 64 channels, at least one.
    image_size: Height and width of the images, for learned positions. None
      means rotary positions, for images of any size.
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
    return VisionTransformer(
      transformer,
      condition_channels=condition_channels,
      network_dtype=network_dtype,
      name=name,
    )
