"""The coupling networks of the papers, as special cases of `ConvNetwork`."""

import tensorflow as tf

from tfp_cinc.internal.shapes import check_sizes
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.networks.conv_network import ConvNetwork, trainable_conv_network

__all__ = [
  'trainable_dense_network',
  'trainable_glow_network',
  'trainable_pointwise_network',
  'trainable_zero_conv_network',
]


def trainable_glow_network(
  in_channels: int,
  out_channels: int,
  *,
  hidden_channels: int = 512,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'glow_network',
) -> ConvNetwork:
  """Returns a trainable `ConvNetwork`, as in Glow's couplings.

  The layers are conv3x3, ReLU, conv1x1, ReLU and conv3x3. The initial output is
  zero.

  Cost: O(H W (9 C_in C + C^2 + 9 C C_out)) for C hidden channels.

  #### Example

  >>> network = trainable_glow_network(
  ...   2, 4, hidden_channels=16, condition_channels=10, seed=1
  ... )
  >>> labels = tf.one_hot([3, 1, 4, 1, 5], 10)
  >>> network(tf.ones([5, 8, 8, 2]), condition=labels).shape
  TensorShape([5, 8, 8, 4])

  #### References

  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), section 5.

  Args:
    in_channels: Number of input channels C_in.
    out_channels: Number of output channels C_out.
    hidden_channels: Number of channels C of the two hidden layers.
    condition_channels: Number of channels of the condition, 0 for none.
    seed: Seed of the initial kernels. None draws new ones.
    dtype: Floating dtype of inputs, outputs and Variables.
    network_dtype: Dtype in which the network computes, see `ImageNetwork`.
    name: Name of the module.

  Raises:
    ValueError: If a size is less than 1, `condition_channels` is negative, or
      `network_dtype` cannot be used with `dtype`.
  """
  layers = [(hidden_channels, 3), (hidden_channels, 1), (out_channels, 3)]
  return trainable_conv_network(
    in_channels,
    layers,
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    network_dtype=network_dtype,
    name=name,
  )


def trainable_pointwise_network(
  in_channels: int,
  out_channels: int,
  *,
  hidden_channels: int = 512,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'pointwise_network',
) -> ConvNetwork:
  """Returns a trainable `ConvNetwork`: a 3x3 and two 1x1 convolutions.

  It is Glow's coupling network with a 1x1 convolution as its last layer. The
  initial output is zero. Each output pixel depends on 3x3 instead of 5x5 input
  pixels. With 6 input, 12 output and 128 hidden channels, the network needs two
  thirds of the multiplications of Glow's.

  Cost: O(H W (9 C_in C + C^2 + C C_out)) for C hidden channels.

  #### Example

  >>> network = trainable_pointwise_network(2, 4, hidden_channels=16, seed=1)
  >>> network(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 4])

  Args:
    in_channels: Number of input channels C_in.
    out_channels: Number of output channels C_out.
    hidden_channels: Number of channels C of the two hidden layers.
    condition_channels: Number of channels of the condition, 0 for none.
    seed: Seed of the initial kernels. None draws new ones.
    dtype: Floating dtype of inputs, outputs and Variables.
    network_dtype: Dtype in which the network computes, see `ImageNetwork`.
    name: Name of the module.

  Raises:
    ValueError: If a size is less than 1, `condition_channels` is negative, or
      `network_dtype` cannot be used with `dtype`.
  """
  layers = [(hidden_channels, 3), (hidden_channels, 1), (out_channels, 1)]
  return trainable_conv_network(
    in_channels,
    layers,
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    network_dtype=network_dtype,
    name=name,
  )


def trainable_dense_network(
  in_channels: int,
  out_channels: int,
  *,
  hidden_channels: int = 512,
  num_layers: int = 5,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'dense_network',
) -> ConvNetwork:
  """Returns a trainable `ConvNetwork`, as in NICE's couplings.

  The layers are fully connected with ReLU between them. The initial output is
  zero. The network is meant for events [..., 1, 1, D]. Its layers are 1x1
  convolutions: on larger images it applies the same function at each pixel.

  Cost: O(H W (C_in C + (num_layers - 1) C^2 + C C_out)) for C hidden channels.

  #### Example

  >>> network = trainable_dense_network(392, 392, hidden_channels=16, seed=1)
  >>> network(tf.ones([5, 1, 1, 392])).shape
  TensorShape([5, 1, 1, 392])

  #### References

  Dinh, Krueger and Bengio 2015, [NICE](https://arxiv.org/abs/1410.8516),
  section 5.1, which uses five hidden layers of 1000 units for MNIST.

  Args:
    in_channels: Number of input channels C_in.
    out_channels: Number of output channels C_out.
    hidden_channels: Number of channels C of the hidden layers.
    num_layers: Number of hidden layers.
    condition_channels: Number of channels of the condition, 0 for none.
    seed: Seed of the initial kernels. None draws new ones.
    dtype: Floating dtype of inputs, outputs and Variables.
    network_dtype: Dtype in which the network computes, see `ImageNetwork`.
    name: Name of the module.

  Raises:
    ValueError: If a size is less than 1, `condition_channels` is negative, or
      `network_dtype` cannot be used with `dtype`.
  """
  check_sizes(num_layers=num_layers)
  layers = [(hidden_channels, 1)] * num_layers + [(out_channels, 1)]
  return trainable_conv_network(
    in_channels,
    layers,
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    network_dtype=network_dtype,
    name=name,
  )


def trainable_zero_conv_network(
  in_channels: int,
  out_channels: int,
  *,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'zero_conv_network',
) -> ConvNetwork:
  """Returns a trainable `ConvNetwork`: one 3x3 convolution.

  It is the network of Glow's learned priors. The initial output is zero.

  Cost: O(9 H W C_in C_out).

  #### Example

  >>> trainable_zero_conv_network(2, 4)(tf.ones([5, 8, 8, 2])).shape
  TensorShape([5, 8, 8, 4])

  #### References

  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), section
  3.6 and the published code.

  Args:
    in_channels: Number of input channels C_in.
    out_channels: Number of output channels C_out.
    condition_channels: Number of channels of the condition, 0 for none.
    seed: Ignored, because the kernel starts at zero.
    dtype: Floating dtype of inputs, outputs and Variables.
    network_dtype: Dtype in which the network computes, see `ImageNetwork`.
    name: Name of the module.

  Raises:
    ValueError: If a size is less than 1, `condition_channels` is negative, or
      `network_dtype` cannot be used with `dtype`.
  """
  return trainable_conv_network(
    in_channels,
    [(out_channels, 3)],
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    network_dtype=network_dtype,
    name=name,
  )
