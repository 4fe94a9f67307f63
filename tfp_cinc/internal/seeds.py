"""Independent seeds from one seed, and random numbers from a seed."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

__all__ = [
  'as_seed',
  'random_bits',
  'seed_stream',
  'split_seed',
  'stateless_uniform',
]


def split_seed(seed: int | None, count: int) -> list[int]:
  """Returns independent seeds for the parts of a model.

  Args:
    seed: Seed of the whole model. None draws new seeds at each call.
    count: Number of parts.

  Returns:
    A list of `count` integers.
  """
  return np.random.SeedSequence(seed).generate_state(count).tolist()


def seed_stream(seed: int | None) -> Iterator[int]:
  """Yields independent seeds for parts whose number is not known in advance.

  Args:
    seed: Seed of the whole model. None draws new seeds at each call.
  """
  generator = np.random.default_rng(seed)
  while True:
    yield int(generator.integers(2**31))


def random_bits(shape, seed) -> tf.Tensor:
  """Returns random integers, the same on each device, with and without XLA.

  Args:
    shape: Shape of the result.
    seed: Integer `Tensor` [2].

  Returns:
    uint32 `Tensor` whose 32 bits are random.
  """
  return tf.random.stateless_uniform(
    shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg='philox'
  )


def stateless_uniform(shape, seed, dtype=tf.float32) -> tf.Tensor:
  """Returns uniform numbers, the same on each device, with and without XLA.

  They are those of `tf.random.stateless_uniform` on CPU. XLA takes other bits
  of the same random integers.

  Args:
    shape: Shape of the result.
    seed: Integer `Tensor` [2].
    dtype: Floating dtype. Dtypes below float32 round the numbers of float32.

  Returns:
    `Tensor` in [0, 1); below float32, also 1.
  """
  if dtype != tf.float64:
    low = random_bits(shape, seed) & 0x7FFFFF
    return tf.cast(tf.cast(low, tf.float32) * 2.0**-23, dtype)
  high, low = tf.unstack(random_bits(tf.concat([shape, [2]], 0), seed), axis=-1)
  return (
    tf.cast(high & 0xFFFFF, dtype) * 2.0**-20 + tf.cast(low, dtype) * 2.0**-52
  )


def as_seed(seed, salt: str | None = None) -> tf.Tensor:
  """Returns a seed of stateless random numbers, integer `Tensor` [2].

  Args:
    seed: Seed as in TFP: None, an integer, two integers, or a function that
      returns one of these, such as `tfp.util.SeedStream`.
    salt: Distinguishes uses of the same seed.

  Raises:
    ValueError: If `seed` is none of these.
  """
  seed = seed() if callable(seed) else seed
  if isinstance(seed, np.integer):
    seed = int(seed)
  if not (seed is None or isinstance(seed, int)):
    seed = tf.convert_to_tensor(seed)
    if not (seed.dtype.is_integer and seed.shape.is_compatible_with([2])):
      raise ValueError(
        f'`seed` is {seed.dtype.name} of shape {seed.shape}; it must be an '
        'integer, or a `Tensor` of two integers.'
      )
    seed = tf.cast(seed, tf.int32)
  return tfp.random.sanitize_seed(seed, salt)
