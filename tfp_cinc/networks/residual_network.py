"""The residual network of RealNVP's couplings."""

from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.choices import check_choice
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

__all__ = ['NORMALIZATIONS', 'ResidualNetwork', 'trainable_residual_network']

NORMALIZATIONS = ('layer', 'none')


class ResidualNetwork(ImageNetwork, tfp_compat.CompositeModule):
  """Pre-activation residual blocks between two 3x3 convolutions.

  ```
  h = conv3x3(x)
  repeat num_blocks times:
    h = h + unit(unit(h))    with unit(h) = conv3x3(relu(norm(h)))
  y = conv3x3(relu(norm(h)))
  ```

  `norm` is `LayerNorm` over channels, or the identity. RealNVP uses batch
  normalization. It is not used here, because the images of a batch would
  influence one another, and a single image would have no density.

  Cost: O(9 H W C^2) for each of the 2 num_blocks units of C channels.

  #### Example

  >>> network = trainable_residual_network(2, 4, hidden_channels=16, seed=1)
  >>> network(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 4])

  #### References

  Dinh, Sohl-Dickstein and Bengio 2017,
  [RealNVP](https://arxiv.org/abs/1605.08803), section 3.7; He et al. 2016,
  [Identity Mappings in Deep Residual
  Networks](https://arxiv.org/abs/1603.05027), figure 1b.
  """

  def __init__(
    self,
    first: Conv2D,
    units: Sequence['Unit'],
    last: 'Unit',
    *,
    condition_channels: int = 0,
    network_dtype: DTypeLike | None = None,
    name: str = 'residual_network',
  ):
    """Stores the layers.

    Args:
      first: First convolution, which reads C_in + `condition_channels`
        channels.
      units: Even number of units from C to C channels, two for each block.
      last: Last unit, from C to C_out channels.
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
    self._first, self._units, self._last = first, list(units), last

  def _apply(self, x):
    h = self._first(x)
    for one, other in zip(self._units[::2], self._units[1::2], strict=True):
      h += other(one(h))
    return self._last(h)


class Unit(tfp_compat.CompositeModule):
  """The function conv3x3(relu(norm(h))), or conv3x3(relu(h)) without a norm."""

  def __init__(self, norm: LayerNorm | None, conv: Conv2D, name: str = 'unit'):
    super().__init__(name=name)
    self._norm, self._conv = norm, conv

  def __call__(self, h):
    h = h if self._norm is None else self._norm(h)
    return self._conv(tf.nn.relu(h))


def trainable_residual_network(
  in_channels: int,
  out_channels: int,
  *,
  hidden_channels: int = 512,
  num_blocks: int = 2,
  normalization: str = 'layer',
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'residual_network',
) -> ResidualNetwork:
  """Returns a trainable `ResidualNetwork` whose initial output is zero.

  Args:
    in_channels: Number of input channels C_in.
    out_channels: Number of output channels C_out.
    hidden_channels: Number of channels C of the blocks.
    num_blocks: Number of residual blocks of two convolutions.
    normalization: Normalization before each ReLU, 'layer' or 'none'.
    condition_channels: Number of channels of the condition, 0 for none.
    seed: Seed of the initial kernels. None draws new ones.
    dtype: Floating dtype of inputs, outputs and Variables.
    network_dtype: Dtype in which the network computes, see `ImageNetwork`.
    name: Name of the module.

  Raises:
    ValueError: If a size is less than 1, `condition_channels` is negative,
      `normalization` is unknown, or `network_dtype` cannot be used with
      `dtype`.
  """
  check_choice('normalization', normalization, NORMALIZATIONS)
  check_sizes(
    in_channels=in_channels,
    out_channels=out_channels,
    hidden_channels=hidden_channels,
    num_blocks=num_blocks,
  )

  def unit(out_channels, name, **start):
    with tf.name_scope(name):
      norm = None
      if normalization == 'layer':
        norm = trainable_layer_norm(hidden_channels, dtype=dtype)
      conv = trainable_conv2d(
        hidden_channels, out_channels, 3, dtype=dtype, **start
      )
    return Unit(norm, conv, name=name)

  first_seed, *seeds = split_seed(seed, 1 + 2 * num_blocks)
  with tf.name_scope(name):
    first = trainable_conv2d(
      in_channels + condition_channels,
      hidden_channels,
      3,
      seed=first_seed,
      dtype=dtype,
      name='first',
    )
    units = [
      unit(hidden_channels, f'block_{i // 2}_unit_{i % 2}', seed=unit_seed)
      for i, unit_seed in enumerate(seeds)
    ]
    last = unit(out_channels, 'last', start='zero')
  return ResidualNetwork(
    first,
    units,
    last,
    condition_channels=condition_channels,
    network_dtype=network_dtype,
    name=name,
  )
