"""The dtype in which networks compute."""

import tensorflow as tf

__all__ = ['at_least_float32', 'resolve_network_dtype']


def resolve_network_dtype(dtype: tf.DType, network_dtype) -> tf.DType:
  """Returns the dtype in which a network computes.

  Args:
    dtype: Dtype of inputs, outputs and Variables.
    network_dtype: Dtype requested for the network. None means `dtype`. If
      `dtype` is float32, it can also be 'bfloat16' or 'float16', as a name or a
      `tf.DType`. 'auto' means bfloat16 if `dtype` is float32 and the processor
      multiplies bfloat16 natively, and `dtype` otherwise.

  Raises:
    ValueError: If `network_dtype` is unknown or cannot be used with `dtype`.
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
      f'`network_dtype` {network_dtype.name} cannot be used with `dtype` '
      f"{dtype.name}; it must be the same, 'auto', or, if `dtype` is float32, "
      "'bfloat16' or 'float16'."
    )
  return network_dtype


def at_least_float32(x: tf.Tensor) -> tf.Tensor:
  """Returns `x`, cast to float32 if its dtype has lower precision."""
  return tf.cast(x, tf.float32) if x.dtype.size < 4 else x


def _multiplies_bfloat16():
  """Returns whether the processor multiplies bfloat16 natively.

  The processor is the first GPU, or the CPU if there is no GPU.
  """
  gpus = tf.config.get_visible_devices('GPU')
  if gpus:
    details = tf.config.experimental.get_device_details(gpus[0])
    return details.get('compute_capability', (0, 0)) >= (8, 0)
  try:
    with open('/proc/cpuinfo') as file:
      flags = file.read()
  except OSError:  # not Linux
    return False
  return 'amx_bf16' in flags or 'avx512_bf16' in flags
