"""Couplings of two halves and of four quarters, and the prior of a split."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfp_cinc.bijectors.block_coupling import BlockCoupling, Network
from tfp_cinc.internal.types import DTypeLike

__all__ = [
  'AdditiveCoupling',
  'AffineCoupling',
  'QuadCoupling',
  'SplitPrior',
]


class OneNetworkCoupling(BlockCoupling):
  """Base class of couplings of two halves, which have a single network."""

  @property
  def network(self) -> Network:
    """The network."""
    return self.own_networks()[0]

  def map_networks(self, function: Callable) -> BlockCoupling:
    """See `FlowBijector`."""
    return self.copy(network=function(self.network))


class AdditiveCoupling(OneNetworkCoupling):
  """A `BlockCoupling` of two halves that shifts the second half.

  ```
  forward:  y_1 = x_1,  y_2 = x_2 + network(x_1)
  inverse:  x_1 = y_1,  x_2 = y_2 - network(y_1)
  forward_log_det_jacobian(x) = 0
  ```

  Both directions cost one call of the network.

  #### Example

  >>> from tfp_cinc.networks import trainable_glow_network
  >>> layer = AdditiveCoupling(
  ...   trainable_glow_network(2, 2, hidden_channels=16, seed=1)
  ... )
  >>> layer.forward(tf.zeros([5, 8, 8, 4])).shape
  TensorShape([5, 8, 8, 4])

  #### References

  Dinh, Krueger and Bengio 2015, [NICE](https://arxiv.org/abs/1410.8516),
  section 3.2.
  """

  def __init__(
    self,
    network: Network,
    dtype: DTypeLike = tf.float32,
    validate_args: bool = False,
    name: str = 'additive_coupling',
  ):
    """Creates the layer.

    Args:
      network: Network from [..., H, W, C/2] to the shift [..., H, W, C/2].
      dtype: Dtype of the images.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.
    """
    parameters = dict(locals())
    super().__init__(
      [network],
      'additive',
      None,
      dtype,
      validate_args,
      name,
      parameters,
    )


class AffineCoupling(OneNetworkCoupling):
  """A `BlockCoupling` of two halves that scales and shifts the second half.

  The formula is that of `BlockCoupling` with n = 2 and the function `Affine`.
  Both directions cost one call of the network.

  #### Example

  >>> from tfp_cinc.networks import trainable_glow_network
  >>> layer = AffineCoupling(
  ...   trainable_glow_network(2, 4, hidden_channels=16, seed=1)
  ... )
  >>> layer.forward(tf.zeros([5, 8, 8, 4])).shape
  TensorShape([5, 8, 8, 4])

  #### References

  Dinh, Sohl-Dickstein and Bengio 2017, [RealNVP](
  https://arxiv.org/abs/1605.08803), section 3.2; Kingma and Dhariwal 2018,
  [Glow](https://arxiv.org/abs/1807.03039), section 3.3.
  """

  def __init__(
    self,
    network: Network,
    scale_function: str | Callable = 'sigmoid',
    dtype: DTypeLike = tf.float32,
    validate_args: bool = False,
    name: str = 'affine_coupling',
  ):
    """Creates the layer.

    Args:
      network: Network from [..., H, W, C/2] to the shift and the scale
        [..., H, W, C], the shift first.
      scale_function: As in `BlockCoupling`.
      dtype: Dtype of the images.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.

    Raises:
      ValueError: If `scale_function` is an unknown name.
    """
    parameters = dict(locals())
    super().__init__(
      [network],
      'affine',
      scale_function,
      dtype,
      validate_args,
      name,
      parameters,
    )


class QuadCoupling(BlockCoupling):
  """A `BlockCoupling` of four quarters, with three networks.

  The formula is that of `BlockCoupling` with n = 4 and the function `Affine`.
  Both directions cost one call of each network.

  #### Example

  >>> from tfp_cinc.networks import trainable_glow_network
  >>> layer = QuadCoupling(
  ...   [trainable_glow_network(j, 2, hidden_channels=16) for j in (1, 2, 3)]
  ... )
  >>> layer.forward(tf.zeros([5, 8, 8, 4])).shape
  TensorShape([5, 8, 8, 4])

  #### References

  Nagar, Dufraisse and Varma 2021, [CInC Flow](
  https://arxiv.org/abs/2107.01358), section 3.3 and figure 5.
  """

  def __init__(
    self,
    networks: Sequence[Network],
    scale_function: str | Callable = 'sigmoid',
    dtype: DTypeLike = tf.float32,
    validate_args: bool = False,
    name: str = 'quad_coupling',
  ):
    """Creates the layer.

    Args:
      networks: Three networks, as in `BlockCoupling`.
      scale_function: As in `BlockCoupling`.
      dtype: Dtype of the images.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.

    Raises:
      ValueError: If there are not three networks, or `scale_function` is an
        unknown name.
    """
    parameters = dict(locals())
    if len(networks) != 3:
      raise ValueError(
        f'`networks` has {len(networks)} entries; a quad-coupling has 3.'
      )
    super().__init__(
      networks,
      'affine',
      scale_function,
      dtype,
      validate_args,
      name,
      parameters,
    )


class SplitPrior(OneNetworkCoupling):
  """Learned prior of the half of the channels that is split off.

  In Glow's multi-scale split, the second half z2 has the density
  N(mu(z1), sigma(z1)^2). This is the same as N(0, 1) after the affine coupling

  ```
  forward(z1, z2) = z1, (z2 - mu(z1)) / sigma(z1)
  ```

  with `network(z1)` = (-mu, -log sigma). As a bijector, the layer keeps all
  channels, and the prior of all latents is N(0, I).

  #### Example

  >>> from tfp_cinc.networks import trainable_zero_conv_network
  >>> layer = SplitPrior(trainable_zero_conv_network(2, 4))
  >>> layer.forward(tf.ones([5, 8, 8, 4])).shape
  TensorShape([5, 8, 8, 4])

  #### References

  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), section
  3.6 and its code; Dinh, Sohl-Dickstein and Bengio 2017, [RealNVP](
  https://arxiv.org/abs/1605.08803), section 3.6, for the split.
  """

  def __init__(
    self,
    network: Network,
    dtype: DTypeLike = tf.float32,
    validate_args: bool = False,
    name: str = 'split_prior',
  ):
    """Creates the layer.

    Args:
      network: Network from [..., H, W, C/2] to -mu and -log sigma
        [..., H, W, C], -mu first.
      dtype: Dtype of the images.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.
    """
    parameters = dict(locals())
    super().__init__(
      [network], 'affine', 'exp', dtype, validate_args, name, parameters
    )
