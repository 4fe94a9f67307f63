"""Random numbers that follow from (seed, position) alone, a batch at a time."""

import math

import tensorflow as tf

__all__ = ['CROP', 'FLIP', 'NOISE', 'PHOTO', 'shuffled', 'uniform']

# What numbers are for; each use has a stream of its own.
_ORDER, PHOTO, CROP, FLIP, NOISE = range(5)
_PHILOX = 1
_BLOCK = 4  # numbers that Philox makes of one value of its counter


def uniform(seed: int, use: int, start: tf.Tensor, shape) -> tf.Tensor:
  """Uniform numbers in [0, 1) for the examples start, start + 1, ...

  One call for all: Philox makes numbers from a key, here of (seed, use), and a
  counter, of which each position has a range of its own.

  Args:
    seed: of the run.
    use: what the numbers are for, one of this module's constants.
    start: int64 [], the first position.
    shape: [n, ...], n positions and the shape of one's numbers.

  Returns:
    float32 [n, ...].
  """
  count = math.prod(shape[1:])
  blocks = -(-count // _BLOCK)
  key, _ = tf.raw_ops.StatelessRandomGetKeyCounter(
    seed=tf.constant([seed, use], tf.int64)
  )
  numbers = tf.raw_ops.StatelessRandomUniformV2(
    shape=[shape[0], blocks * _BLOCK],
    key=key,
    counter=tf.cast(tf.stack([start * blocks, 0]), tf.uint64),
    alg=_PHILOX,
  )
  return tf.reshape(numbers[:, :count], shape)


def shuffled(seed: int, start: tf.Tensor, count: int, total: int) -> tf.Tensor:
  """The images of some positions, in another order at each epoch.

  Args:
    seed: of the run.
    start: int64 [], the first position.
    count: how many positions.
    total: images of an epoch.

  Returns:
    int64 [count], numbers of images below `total`.
  """
  positions = start + tf.range(count, dtype=tf.int64)
  epochs = positions // total
  # Not `tf.random.experimental.index_shuffle`, which takes one seed only.
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
