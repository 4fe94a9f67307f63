"""Convolutional networks for couplings and learned priors.

A coupling takes any callable from [..., H, W, C_in] to [..., H, W, C_out], a
Keras model of tf_keras too; these are the ones that the papers use.
"""

import contextlib
import math

import numpy as np
import tensorflow as tf

from tfp_cinc.internal import switches
from tfp_cinc.internal.shapes import on_image_batch

__all__ = [
  'ConvNetwork',
  'full_precision',
  'glow_network',
  'zero_conv_network',
]


class ConvNetwork(tf.Module):
  """Convolutions in a row with ReLU between them and a zero start at the end.

  As the last layer starts at zero, so does the network's output: a coupling
  starts as the same map everywhere. The other kernels start as He et al. 2015
  (Delving Deep into Rectifiers) have them.
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
        'float16' beside variables in float32, by name or as a `tf.DType`; or
        'auto', which is bfloat16 where the processor multiplies it natively.
      name: name of the module.

    Raises:
      ValueError: if `network_dtype` does not go with `dtype`.
    """
    super().__init__(name=name)
    self._dtype = tf.as_dtype(dtype)
    self._network_dtype = _network_dtype(self._dtype, network_dtype)
    self._kernels, self._biases = [], []
    seeds = np.random.SeedSequence(seed).generate_state(len(layers))
    with tf.name_scope(name):
      for i, (channels, kernel_size) in enumerate(layers):
        shape = [kernel_size, kernel_size, in_channels, channels]
        if i < len(layers) - 1:
          kernel = _he_normal(shape, int(seeds[i]), self._dtype)
        else:
          kernel = tf.zeros(shape, self._dtype)
        bias = tf.zeros([channels], self._dtype)
        self._kernels.append(tf.Variable(kernel, name=f'kernel_{i}'))
        self._biases.append(tf.Variable(bias, name=f'bias_{i}'))
        in_channels = channels

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """The output [..., H, W, C_out] for an input [..., H, W, C_in]."""
    return on_image_batch(self._apply, x)

  def _apply(self, x):
    full = switches.full_precision.is_on
    dtype = self._dtype if full else self._network_dtype
    x = tf.cast(x, dtype)
    for i, (kernel, bias) in enumerate(
      zip(self._kernels, self._biases, strict=True)
    ):
      x = tf.nn.relu(x) if i else x
      x = tf.nn.conv2d(x, tf.cast(kernel, dtype), strides=1, padding='SAME')
      x = tf.nn.bias_add(x, tf.cast(bias, dtype))
    return tf.cast(x, self._dtype)


def full_precision() -> contextlib.AbstractContextManager:
  """A context within which networks ignore their `network_dtype`.

  Densities and round trips of a flow that was trained with
  `network_dtype='bfloat16'` are exact to float32 within it. A `tf.function` has
  the precision of the context in which it was traced.

  Returns:
    A context manager.
  """
  return switches.full_precision.on()


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


def _he_normal(shape, seed, dtype):
  """A truncated normal of variance 2 / fan_in."""
  deviation = math.sqrt(2 / math.prod(shape[:-1]))
  truncation = 0.87962566103423978  # the deviation of N(0, 1) within [-2, 2]
  return tf.random.stateless_truncated_normal(
    shape, [seed, 0], stddev=deviation / truncation, dtype=dtype
  )


def _network_dtype(dtype, network_dtype):
  if network_dtype == 'auto':
    fast = dtype == tf.float32 and _multiplies_bfloat16()
    network_dtype = tf.bfloat16 if fast else dtype
  if network_dtype is None or tf.as_dtype(network_dtype) == dtype:
    return dtype
  network_dtype = tf.as_dtype(network_dtype)
  if dtype != tf.float32 or network_dtype not in (tf.bfloat16, tf.float16):
    raise ValueError(
      f'`network_dtype` {network_dtype.name} does not go with `dtype` '
      f"{dtype.name}: it is 'bfloat16' or 'float16' beside float32, the same "
      "as `dtype`, or 'auto'."
    )
  return network_dtype


def _multiplies_bfloat16():
  """Whether the first GPU, or else the CPU, has bfloat16 multiplication."""
  gpus = tf.config.get_visible_devices('GPU')
  if gpus:
    details = tf.config.experimental.get_device_details(gpus[0])
    return details.get('compute_capability', (0, 0)) >= (8, 0)
  try:
    with open('/proc/cpuinfo') as file:
      flags = file.read()
  except OSError:  # no Linux
    return False
  return 'amx_bf16' in flags or 'avx512_bf16' in flags
