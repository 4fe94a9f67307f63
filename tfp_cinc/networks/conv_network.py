"""Networks that are convolutions in a row."""

import tensorflow as tf

from tfp_cinc.networks.base import ImageNetwork
from tfp_cinc.networks.layers import Conv2D, check_sizes, draw_seeds

__all__ = [
  'ConvNetwork',
  'dense_network',
  'glow_network',
  'pointwise_network',
  'zero_conv_network',
]


class ConvNetwork(ImageNetwork):
  """Convolutions in a row with ReLU between them and a zero start at the end.

  As the last layer starts at zero, so does the network's output: a coupling
  starts as the same map everywhere. The other kernels start as He et al. 2015
  (Delving Deep into Rectifiers) have them.

  Cost: O(k^2 H W C C') for each layer of k x k from C to C' channels.

  #### Example

  >>> network = ConvNetwork(2, [(16, 3), (4, 3)], seed=1)
  >>> network(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 4])
  """

  def __init__(
    self,
    in_channels: int,
    layers: list[tuple[int, int]],
    *,
    condition_channels: int = 0,
    seed: int | None = None,
    dtype=tf.float32,
    network_dtype=None,
    name: str = 'conv_network',
  ):
    """Creates the network and its variables.

    Args:
      in_channels: C_in.
      layers: (channels, kernel size) of each layer, the last one's channels
        being C_out.
      condition_channels: as in `ImageNetwork`.
      seed: of the initial kernels; None draws others each time.
      dtype: as in `ImageNetwork`.
      network_dtype: as in `ImageNetwork`.
      name: name of the module.

    Raises:
      ValueError: if there is no layer, a size is less than 1, or
        `network_dtype` does not go with `dtype`.
    """
    super().__init__(
      in_channels,
      condition_channels=condition_channels,
      dtype=dtype,
      network_dtype=network_dtype,
      name=name,
    )
    if not layers:
      raise ValueError('`layers` is empty; a network needs at least one.')
    self._layers = []
    channels, last = in_channels + condition_channels, len(layers) - 1
    seeds = draw_seeds(seed, len(layers))
    with tf.name_scope(name):
      for i, (out_channels, kernel_size) in enumerate(layers):
        conv = Conv2D(
          channels,
          out_channels,
          kernel_size,
          start='zero' if i == last else 'he_normal',
          seed=seeds[i],
          dtype=dtype,
          name=f'conv_{i}',
        )
        self._layers.append(conv)
        channels = out_channels

  def _apply(self, x):
    for i, layer in enumerate(self._layers):
      x = layer(tf.nn.relu(x) if i else x)
    return x


def glow_network(
  in_channels: int,
  out_channels: int,
  *,
  hidden_channels: int = 512,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype=tf.float32,
  network_dtype=None,
  name: str = 'glow_network',
) -> ConvNetwork:
  """Glow's coupling network: 3x3, ReLU, 1x1, ReLU, 3x3 started at zero.

  Glow (Kingma and Dhariwal 2018), section 5.

  #### Example

  >>> network = glow_network(
  ...   2, 4, hidden_channels=16, condition_channels=10, seed=1
  ... )
  >>> labels = tf.one_hot([3, 1, 4, 1, 5], 10)
  >>> network(tf.ones([5, 8, 8, 2]), condition=labels).shape
  TensorShape([5, 8, 8, 4])

  Args:
    in_channels: C_in.
    out_channels: C_out.
    hidden_channels: width of the two hidden layers.
    condition_channels: as in `ImageNetwork`.
    seed: as in `ConvNetwork`.
    dtype: as in `ImageNetwork`.
    network_dtype: as in `ImageNetwork`.
    name: name of the module.

  Returns:
    `ConvNetwork`.
  """
  return ConvNetwork(
    in_channels,
    [(hidden_channels, 3), (hidden_channels, 1), (out_channels, 3)],
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    network_dtype=network_dtype,
    name=name,
  )


def pointwise_network(
  in_channels: int,
  out_channels: int,
  *,
  hidden_channels: int = 512,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype=tf.float32,
  network_dtype=None,
  name: str = 'pointwise_network',
) -> ConvNetwork:
  """A 3x3 convolution, then two pointwise ones, the last started at zero.

  Glow's coupling network but for its last convolution, which is 1x1: it sees
  3x3 pixels where that one sees 5x5, in fewer multiplications: two thirds of
  them for 6 channels in, 12 out and 128 between.

  #### Example

  >>> network = pointwise_network(2, 4, hidden_channels=16, seed=1)
  >>> network(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 4])

  Args:
    in_channels: C_in.
    out_channels: C_out.
    hidden_channels: width of the two hidden layers.
    condition_channels: as in `ImageNetwork`.
    seed: as in `ConvNetwork`.
    dtype: as in `ImageNetwork`.
    network_dtype: as in `ImageNetwork`.
    name: name of the module.

  Returns:
    `ConvNetwork`.
  """
  return ConvNetwork(
    in_channels,
    [(hidden_channels, 3), (hidden_channels, 1), (out_channels, 1)],
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    network_dtype=network_dtype,
    name=name,
  )


def dense_network(
  in_channels: int,
  out_channels: int,
  *,
  hidden_channels: int = 512,
  num_layers: int = 5,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype=tf.float32,
  network_dtype=None,
  name: str = 'dense_network',
) -> ConvNetwork:
  """NICE's coupling network: fully connected layers with ReLU.

  It is for events [..., 1, 1, D], whose channels are all that there is. Its
  layers are 1x1 convolutions: with more pixels, it is the same at each.

  NICE (Dinh, Krueger and Bengio 2015), section 5.1, which has five hidden
  layers of 1000 units for MNIST.

  #### Example

  >>> network = dense_network(392, 392, hidden_channels=16, seed=1)
  >>> network(tf.ones([5, 1, 1, 392])).shape
  TensorShape([5, 1, 1, 392])

  Args:
    in_channels: C_in.
    out_channels: C_out.
    hidden_channels: width of the hidden layers.
    num_layers: how many hidden layers there are, before the last one, which
      starts at zero.
    condition_channels: as in `ImageNetwork`.
    seed: as in `ConvNetwork`.
    dtype: as in `ImageNetwork`.
    network_dtype: as in `ImageNetwork`.
    name: name of the module.

  Returns:
    `ConvNetwork`.

  Raises:
    ValueError: if a size is less than 1.
  """
  check_sizes(num_layers=num_layers)
  return ConvNetwork(
    in_channels,
    [(hidden_channels, 1)] * num_layers + [(out_channels, 1)],
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    network_dtype=network_dtype,
    name=name,
  )


def zero_conv_network(
  in_channels: int,
  out_channels: int,
  *,
  condition_channels: int = 0,
  dtype=tf.float32,
  network_dtype=None,
  name: str = 'zero_conv_network',
) -> ConvNetwork:
  """One 3x3 convolution started at zero, as in Glow's learned priors.

  #### Example

  >>> zero_conv_network(2, 4)(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 4])

  Args:
    in_channels: C_in.
    out_channels: C_out.
    condition_channels: as in `ImageNetwork`.
    dtype: as in `ImageNetwork`.
    network_dtype: as in `ImageNetwork`.
    name: name of the module.

  Returns:
    `ConvNetwork`.
  """
  return ConvNetwork(
    in_channels,
    [(out_channels, 3)],
    condition_channels=condition_channels,
    dtype=dtype,
    network_dtype=network_dtype,
    name=name,
  )
