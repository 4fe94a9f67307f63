"""Networks for couplings and learned priors; here alone tf_keras is used.

A coupling takes any callable from [..., H, W, C_in] to [..., H, W, C_out];
these are the ones that the papers use.
"""

import numpy as np
import tensorflow as tf
import tf_keras

from tfp_cinc.internal.shapes import on_image_batch

__all__ = ['ConvNetwork', 'glow_network', 'zero_conv_network']


class ConvNetwork(tf.Module):
  """Convolutions in a row with ReLU between them and a zero start at the end.

  As the last layer starts at zero, so does the network's output: a coupling
  starts as the same map everywhere.
  """

  def __init__(
    self,
    in_channels: int,
    layers: list[tuple[int, int]],
    *,
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
      seed: of the initial kernels; None draws others each time.
      dtype: floating dtype of inputs, outputs and variables.
      network_dtype: what to compute in where it is not `dtype`: 'bfloat16' or
        'float16' beside variables in float32, by name or as a `tf.DType`.
      name: name of the module.

    Raises:
      ValueError: if `network_dtype` does not go with `dtype`.
    """
    super().__init__(name=name)
    self._policy = _policy(tf.as_dtype(dtype), network_dtype)
    self._dtype = tf.as_dtype(dtype)
    self._layers = []
    seeds = np.random.SeedSequence(seed).generate_state(len(layers))
    with tf.name_scope(name):
      for i, (channels, kernel_size) in enumerate(layers):
        is_last = i == len(layers) - 1
        layer = tf_keras.layers.Conv2D(
          channels,
          kernel_size,
          padding='same',
          activation=None if is_last else 'relu',
          kernel_initializer=(
            'zeros'
            if is_last
            else tf_keras.initializers.HeNormal(int(seeds[i]))
          ),
          dtype=self._policy,
        )
        layer.build([None, None, None, in_channels])
        self._layers.append(layer)
        in_channels = channels

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """The output [..., H, W, C_out] for an input [..., H, W, C_in]."""
    return tf.cast(on_image_batch(self._apply, x), self._dtype)

  def _apply(self, x):
    for layer in self._layers:
      x = layer(x)
    return x


def glow_network(
  in_channels: int,
  out_channels: int,
  *,
  hidden_channels: int = 512,
  seed: int | None = None,
  dtype=tf.float32,
  network_dtype=None,
  name: str = 'glow_network',
) -> ConvNetwork:
  """Glow's coupling network: 3x3, ReLU, 1x1, ReLU, 3x3 started at zero.

  Glow (Kingma and Dhariwal 2018), section 5.

  Args:
    in_channels: C_in.
    out_channels: C_out.
    hidden_channels: width of the two hidden layers.
    seed: as in `ConvNetwork`.
    dtype: as in `ConvNetwork`.
    network_dtype: as in `ConvNetwork`.
    name: name of the module.

  Returns:
    `ConvNetwork`.
  """
  return ConvNetwork(
    in_channels,
    [(hidden_channels, 3), (hidden_channels, 1), (out_channels, 3)],
    seed=seed,
    dtype=dtype,
    network_dtype=network_dtype,
    name=name,
  )


def zero_conv_network(
  in_channels: int,
  out_channels: int,
  *,
  dtype=tf.float32,
  network_dtype=None,
  name: str = 'zero_conv_network',
) -> ConvNetwork:
  """One 3x3 convolution started at zero, as in Glow's learned priors.

  Args:
    in_channels: C_in.
    out_channels: C_out.
    dtype: as in `ConvNetwork`.
    network_dtype: as in `ConvNetwork`.
    name: name of the module.

  Returns:
    `ConvNetwork`.
  """
  return ConvNetwork(
    in_channels,
    [(out_channels, 3)],
    dtype=dtype,
    network_dtype=network_dtype,
    name=name,
  )


def _policy(dtype, network_dtype):
  if network_dtype is None or tf.as_dtype(network_dtype) == dtype:
    return dtype.name
  name = tf.as_dtype(network_dtype).name
  if dtype != tf.float32 or name not in ('bfloat16', 'float16'):
    raise ValueError(
      f'`network_dtype` {name} does not go with `dtype` {dtype.name}: it is '
      "'bfloat16' or 'float16' beside float32, or the same as `dtype`."
    )
  return tf_keras.mixed_precision.Policy(f'mixed_{name}')
