"""What networks compute in."""

import contextlib

import tensorflow as tf

from tfp_cinc.internal import switches

__all__ = [
  'at_least_float32',
  'computing_dtype',
  'full_precision',
  'resolve_network_dtype',
]


def full_precision() -> contextlib.AbstractContextManager:
  """A context within which networks ignore their `network_dtype`.

  Densities and round trips of a flow that was trained with
  `network_dtype='bfloat16'` are exact to float32 within it. A `tf.function` has
  the precision of the context in which it was traced.

  Returns:
    A context manager.
  """
  return switches.full_precision.on()


def resolve_network_dtype(dtype: tf.DType, network_dtype) -> tf.DType:
  """The dtype to compute in.

  Args:
    dtype: of inputs, outputs and Variables.
    network_dtype: None for `dtype`; 'bfloat16' or 'float16' beside float32, by
      name or as a `tf.DType`; or 'auto', which is bfloat16 where the processor
      multiplies it natively.

  Returns:
    `tf.DType`.

  Raises:
    ValueError: if the two do not go together.
  """
  if network_dtype == 'auto':
    fast = dtype == tf.float32 and _multiplies_bfloat16()
    network_dtype = tf.bfloat16 if fast else dtype
  if network_dtype is None:
    return dtype
  try:
    network_dtype = tf.as_dtype(network_dtype)
  except TypeError:
    raise ValueError(
      f"`network_dtype` is {network_dtype!r}; it must be 'bfloat16', "
      "'float16', 'auto' or the same as `dtype`."
    ) from None
  if network_dtype == dtype:
    return dtype
  if dtype != tf.float32 or network_dtype not in (tf.bfloat16, tf.float16):
    raise ValueError(
      f'`network_dtype` {network_dtype.name} does not go with `dtype` '
      f"{dtype.name}: it is 'bfloat16' or 'float16' beside float32, the same "
      "as `dtype`, or 'auto'."
    )
  return network_dtype


def computing_dtype(dtype: tf.DType, network_dtype: tf.DType) -> tf.DType:
  """What a network computes in here and now.

  Args:
    dtype: of its inputs, outputs and Variables.
    network_dtype: what it was made to compute in.

  Returns:
    `tf.DType`.
  """
  if switches.full_precision.is_on:
    return dtype
  if switches.bfloat16_networks.is_on and dtype == tf.float32:
    return tf.bfloat16
  return network_dtype


def at_least_float32(x: tf.Tensor) -> tf.Tensor:
  """`x` where it is precise enough for sums of many terms, else as float32."""
  return tf.cast(x, tf.float32) if x.dtype.size < 4 else x


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
