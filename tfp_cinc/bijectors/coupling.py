"""Couplings of channel blocks: affine, quad and the prior of a split."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfp_cinc.bijectors.one_pass import (
  OnePassBijector,
  gradients,
  recording,
)
from tfp_cinc.internal.choices import check_choice

__all__ = [
  'SCALE_FUNCTIONS',
  'AffineCoupling',
  'BlockCoupling',
  'QuadCoupling',
  'SplitPrior',
]

Network = Callable[..., tf.Tensor]

# From the network's second output to the logarithm of the scale.
SCALE_FUNCTIONS = {
  'sigmoid': lambda h: tf.math.log_sigmoid(h + 2.0),
  'exp': lambda h: h,
}


class BlockCoupling(OnePassBijector):
  """Scales and shifts each block of channels by what comes before it.

  The channels are cut into n equal blocks x_1 ... x_n. The first one stays;
  f_j and s_j are functions of x_1 ... x_{j-1}:

  ```
  forward:  y_1 = x_1,  y_j = (x_j + f_j) * s_j
  inverse:  x_1 = y_1,  x_j = y_j / s_j - f_j
  forward_log_det_jacobian(x) = sum_{j, h, w, c} log s_j
  ```

  Network j - 1 returns f_j and h_j side by side; the scale is s_j = exp(h_j) or
  s_j = sigmoid(h_j + 2). Networks run n - 1 times in either direction; the
  inverse runs them in the same order, each on blocks that are already solved.

  CInC Flow (Nagar, Dufraisse and Varma 2021), section 3.3, for any n. The
  inverse in the paper's published code starts from the last block, which does
  not invert.
  """

  def __init__(
    self,
    networks: Sequence[Network],
    scale_function: str = 'sigmoid',
    dtype=tf.float32,
    validate_args: bool = False,
    name: str = 'block_coupling',
    parameters: dict | None = None,
  ):
    """Creates the layer.

    Args:
      networks: n - 1 callables; number j takes [..., H, W, j*C/n] and returns
        [..., H, W, 2*C/n], shift then scale. Keyword arguments of the
        bijector's methods go to each of them.
      scale_function: 'sigmoid' (the published code's) or 'exp' (the papers').
      dtype: dtype of the images.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.
      parameters: for subclasses, their constructor's arguments.

    Raises:
      ValueError: if there is no network, or `scale_function` is unknown.
    """
    parameters = dict(locals()) if parameters is None else parameters
    with tf.name_scope(name) as name:
      check_choice('scale_function', scale_function, SCALE_FUNCTIONS)
      if not networks:
        raise ValueError('`networks` is empty; n blocks need n - 1 networks.')
      self._networks = list(networks)
      self._scale_function = scale_function
      super().__init__(
        forward_min_event_ndims=3,
        is_constant_jacobian=False,
        dtype=dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @classmethod
  def _parameter_properties(cls, dtype):
    return {}

  @property
  def networks(self) -> list[Network]:
    """The networks, that of the second block first."""
    return list(self._networks)

  @property
  def scale_function(self) -> str:
    """The name of the scale function."""
    return self._scale_function

  def _forward_and_log_det(self, x, **kwargs):
    def change(block, shift, log_scale):
      return block, (block + shift) * tf.exp(log_scale)

    _, y, log_det = self._walk(x, change, kwargs)
    return tf.concat(y, -1), log_det

  def _inverse_and_log_det(self, y, **kwargs):
    def change(block, shift, log_scale):
      return (block * tf.exp(-log_scale) - shift,) * 2

    _, x, log_det = self._walk(y, change, kwargs)
    return tf.concat(x, -1), -log_det

  def _pull_back(self, y, dy, dlog_det, kwargs):
    """Runs each network once, for the inverse and the gradient together."""
    with recording(self, y, kwargs) as tape:

      def change(block, shift, log_scale):
        x = tf.stop_gradient(block * tf.exp(-log_scale) - shift)
        tape.watch(x)
        return x, (x + shift) * tf.exp(log_scale)

      x, again, log_det = self._walk(y, change, kwargs)
      again = tf.concat(again, -1)
    dx, found = gradients(tape, again, log_det, x, dy, dlog_det, self, kwargs)
    return tf.concat(x, -1), tf.concat(dx, -1), found

  def _walk(self, inputs, change, kwargs):
    """Goes through the blocks, each network reading the images before it.

    Args:
      inputs: [..., H, W, C], of either side.
      change: from (block, shift, log_scale) to (image block, output block).
      kwargs: conditions of the networks.

    Returns:
      (image blocks, output blocks, the log-det of forward).
    """
    first, *blocks = self._split(inputs)
    images, outputs, log_det = [first], [first], 0.0
    for network, block in zip(self._networks, blocks, strict=True):
      shift, scale = tf.split(network(tf.concat(images, -1), **kwargs), 2, -1)
      if not shift.shape.is_compatible_with(block.shape):
        raise ValueError(
          f'{self.name}: a network made shifts of shape {shift.shape} for a '
          f'block of shape {block.shape}; it must return twice the channels of '
          'the block, shift then scale.'
        )
      log_scale = SCALE_FUNCTIONS[self._scale_function](scale)
      image, output = change(block, shift, log_scale)
      images.append(image)
      outputs.append(output)
      log_det += tf.reduce_sum(log_scale, axis=[-3, -2, -1])
    return images, outputs, log_det

  def _split(self, inputs):
    count, channels = len(self._networks) + 1, inputs.shape[-1]
    if channels % count:
      raise ValueError(
        f'{self.name}: {channels} channels are not divisible into {count} equal'
        ' blocks.'
      )
    return tf.split(inputs, count, axis=-1)


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
      [network], scale_function, dtype, validate_args, name, parameters
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
      networks, scale_function, dtype, validate_args, name, parameters
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
    super().__init__([network], 'exp', dtype, validate_args, name, parameters)
