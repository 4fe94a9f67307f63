"""Couplings of channels by name, and the prior of a split."""

from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.bijectors.block_coupling import BlockCoupling, Network

__all__ = [
  'AdditiveCoupling',
  'AffineCoupling',
  'QuadCoupling',
  'SplitPrior',
]


class AdditiveCoupling(BlockCoupling):
  """`BlockCoupling` of two halves that shifts the second one.

  It keeps volumes: its log-det is 0.

  NICE (Dinh, Krueger and Bengio 2015), section 3.2.

  #### Example

  >>> from tfp_cinc.networks import glow_network
  >>> layer = AdditiveCoupling(glow_network(2, 2, hidden_channels=16, seed=1))
  >>> layer.forward(tf.zeros([5, 8, 8, 4])).shape
  TensorShape([5, 8, 8, 4])
  """

  def __init__(
    self,
    network: Network,
    dtype=tf.float32,
    validate_args: bool = False,
    name: str = 'additive_coupling',
  ):
    """Creates the layer.

    Args:
      network: from [..., H, W, C/2] to the shift [..., H, W, C/2].
      dtype: dtype of the images.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.
    """
    parameters = dict(locals())
    super().__init__(
      [network],
      'additive',
      'exp',
      dtype,
      validate_args,
      name,
      parameters,
    )


class AffineCoupling(BlockCoupling):
  """`BlockCoupling` of two halves, with one network.

  RealNVP (Dinh et al. 2017), section 3.2; Glow (Kingma and Dhariwal 2018),
  section 3.3.

  #### Example

  >>> from tfp_cinc.networks import glow_network
  >>> layer = AffineCoupling(glow_network(2, 4, hidden_channels=16, seed=1))
  >>> layer.forward(tf.zeros([5, 8, 8, 4])).shape
  TensorShape([5, 8, 8, 4])
  """

  def __init__(
    self,
    network: Network,
    scale_function: str = 'sigmoid',
    dtype=tf.float32,
    validate_args: bool = False,
    name: str = 'affine_coupling',
  ):
    """Creates the layer.

    Args:
      network: from [..., H, W, C/2] to [..., H, W, C], shift then scale.
      scale_function: as in `BlockCoupling`.
      dtype: dtype of the images.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.
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
  """`BlockCoupling` of four quarters, with three networks.

  CInC Flow (Nagar, Dufraisse and Varma 2021), section 3.3 and figure 5.

  #### Example

  >>> from tfp_cinc.networks import glow_network
  >>> layer = QuadCoupling(
  ...   [glow_network(j, 2, hidden_channels=16, seed=j) for j in (1, 2, 3)]
  ... )
  >>> layer.forward(tf.zeros([5, 8, 8, 4])).shape
  TensorShape([5, 8, 8, 4])
  """

  def __init__(
    self,
    networks: Sequence[Network],
    scale_function: str = 'sigmoid',
    dtype=tf.float32,
    validate_args: bool = False,
    name: str = 'quad_coupling',
  ):
    """Creates the layer.

    Args:
      networks: three, as in `BlockCoupling`.
      scale_function: as in `BlockCoupling`.
      dtype: dtype of the images.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.

    Raises:
      ValueError: if there are not three networks.
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


class SplitPrior(BlockCoupling):
  """The learned prior of the half of the channels that leaves the flow.

  Glow's multi-scale split gives the second half z2 the density
  N(mu(z1), sigma(z1)^2). That is N(0, 1) behind the affine coupling

  ```
  forward(z1, z2) = z1, (z2 - mu(z1)) / sigma(z1)
  ```

  with `network(z1)` = (-mu, -log sigma). As a bijector it leaves one N(0, I)
  over all latents, and drops nothing.

  Glow (Kingma and Dhariwal 2018), section 3.6 and its code; RealNVP (Dinh et
  al. 2017), section 3.6, for the split.

  #### Example

  >>> from tfp_cinc.networks import zero_conv_network
  >>> layer = SplitPrior(zero_conv_network(2, 4))
  >>> layer.forward(tf.ones([5, 8, 8, 4])).shape
  TensorShape([5, 8, 8, 4])
  """

  def __init__(
    self,
    network: Network,
    dtype=tf.float32,
    validate_args: bool = False,
    name: str = 'split_prior',
  ):
    """Creates the layer.

    Args:
      network: from [..., H, W, C/2] to [..., H, W, C], -mu then -log sigma.
      dtype: dtype of the images.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.
    """
    parameters = dict(locals())
    super().__init__(
      [network], 'affine', 'exp', dtype, validate_args, name, parameters
    )
