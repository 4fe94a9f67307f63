"""Random numbers that depend only on (seed, position), for whole batches."""

import math

import tensorflow as tf

__all__ = [
  'CROP',
  'DROPOUT',
  'FLIP',
  'MASK',
  'NOISE',
  'PHOTO',
  'normal',
  'shuffled',
  'uniform',
]

# Uses of random numbers; each has its own stream.
_ORDER, PHOTO, CROP, FLIP, NOISE, MASK, DROPOUT = range(7)
_PHILOX = 1
_BLOCK = 4  # numbers that Philox generates per counter value


def uniform(seed: int, use: int, start: tf.Tensor, shape) -> tf.Tensor:
  """Returns uniform numbers in [0, 1) for examples start, start + 1, ...

  Args:
    seed: Seed of the run.
    use: Use of the numbers, one of the constants of this module.
    start: int64 [], the first position.
    shape: [n, ...], the number of positions and the shape of the numbers of
      one position.

  Returns:
    float32 [n, ...].
  """
  return _numbers(tf.raw_ops.StatelessRandomUniformV2, seed, use, start, shape)


def normal(seed: int, use: int, start: tf.Tensor, shape) -> tf.Tensor:
  """Returns normal numbers with mean 0 and variance 1.

  Args and result are those of `uniform`.
  """
  return _numbers(tf.raw_ops.StatelessRandomNormalV2, seed, use, start, shape)


def _numbers(distribution, seed, use, start, shape):
  """Returns random numbers for examples start, start + 1, ...

  A single call generates them all: Philox computes numbers from a key, here
  (seed, use), and a counter. Each position has its own range of the counter.
  """
  count = math.prod(shape[1:])
  blocks = -(-count // _BLOCK)
  key, _ = tf.raw_ops.StatelessRandomGetKeyCounter(
    seed=tf.constant([seed, use], tf.int64)
  )
  numbers = distribution(
    shape=[shape[0], blocks * _BLOCK],
    key=key,
    counter=tf.cast(tf.stack([start * blocks, 0]), tf.uint64),
    alg=_PHILOX,
  )
  return tf.reshape(numbers[:, :count], shape)


def shuffled(seed: int, start: tf.Tensor, count: int, total: int) -> tf.Tensor:
  """Returns the index of the image at each position.

  Each epoch has its own random order.

  Args:
    seed: Seed of the run.
    start: int64 [], the first position.
    count: Number of positions.
    total: Number of images per epoch.

  Returns:
    int64 [count], indices less than `total`.
  """
  positions = start + tf.range(count, dtype=tf.int64)
  epochs = positions // total
  # `tf.random.experimental.index_shuffle` takes only one seed for all indices.
  return tf.raw_ops.RandomIndexShuffle(
    index=positions % total,
    seed=tf.stack(
      [tf.fill([count], tf.constant(s, tf.int64)) for s in (seed, _ORDER)]
      + [epochs],
      axis=-1,
    ),
    max_index=tf.constant(total - 1, tf.int64),
    rounds=4,
  )
