"""The residual network of RealNVP's couplings."""

import tensorflow as tf

from tfp_cinc.internal.choices import check_choice
from tfp_cinc.networks.base import ImageNetwork
from tfp_cinc.networks.layers import (
  Conv2D,
  LayerNorm,
  check_sizes,
  draw_seeds,
)

__all__ = ['NORMALIZATIONS', 'ResidualNetwork', 'residual_network']

NORMALIZATIONS = ('layer', 'none')


class ResidualNetwork(ImageNetwork):
  """Pre-activation residual blocks between two 3x3 convolutions.

  ```
  h = conv3x3(x)
  h = h + unit(unit(h))    num_blocks times, unit(h) = conv3x3(relu(norm(h)))
  y = conv3x3(relu(norm(h)))
  ```

  The last convolution starts at zero, and so does the output. `norm` is
  `LayerNorm` over channels or nothing. RealNVP's batch normalization would let
  the images of a batch see one another, which is no density of each.

  Cost: O(9 H W C^2) for each of the 2 num_blocks units of C channels.

  RealNVP (Dinh et al. 2017), section 3.7; He et al. 2016 (Identity Mappings in
  Deep Residual Networks), figure 1b.

  #### Example

  >>> network = ResidualNetwork(2, 4, hidden_channels=16, seed=1)
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
    normalization: str = 'layer',
    condition_channels: int = 0,
    seed: int | None = None,
    dtype=tf.float32,
    network_dtype=None,
    name: str = 'residual_network',
  ):
    """Creates the network and its variables.

    Args:
      in_channels: C_in.
      out_channels: C_out.
      hidden_channels: C, the width of the blocks.
      num_blocks: how many residual blocks of two convolutions there are.
      normalization: before each ReLU, 'layer' or 'none'.
      condition_channels: as in `ImageNetwork`.
      seed: of the initial kernels; None draws others each time.
      dtype: as in `ImageNetwork`.
      network_dtype: as in `ImageNetwork`.
      name: name of the module.

    Raises:
      ValueError: if a size is less than 1, `normalization` is unknown, or
        `network_dtype` does not go with `dtype`.
    """
    super().__init__(
      in_channels,
      condition_channels=condition_channels,
      dtype=dtype,
      network_dtype=network_dtype,
      name=name,
    )
    check_choice('normalization', normalization, NORMALIZATIONS)
    check_sizes(
      out_channels=out_channels,
      hidden_channels=hidden_channels,
      num_blocks=num_blocks,
    )
    norm = normalization == 'layer'
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
      self._units = [
        _Unit(
          hidden_channels,
          hidden_channels,
          norm,
          seed=unit_seed,
          dtype=dtype,
          name=f'block_{i // 2}_unit_{i % 2}',
        )
        for i, unit_seed in enumerate(seeds)
      ]
      self._last = _Unit(
        hidden_channels,
        out_channels,
        norm,
        start='zero',
        dtype=dtype,
        name='last',
      )

  def _apply(self, x):
    h = self._first(x)
    for one, other in zip(self._units[::2], self._units[1::2], strict=True):
      h += other(one(h))
    return self._last(h)


class _Unit(tf.Module):
  """conv3x3(relu(norm(h))), or without the normalization."""

  def __init__(self, in_channels, out_channels, norm, *, dtype, name, **start):
    super().__init__(name=name)
    with tf.name_scope(name):
      self._norm = LayerNorm(in_channels, dtype=dtype) if norm else None
      self._conv = Conv2D(in_channels, out_channels, 3, dtype=dtype, **start)

  def __call__(self, h):
    h = h if self._norm is None else self._norm(h)
    return self._conv(tf.nn.relu(h))


# Called as `glow_network` is, with options of its own.
residual_network = ResidualNetwork
