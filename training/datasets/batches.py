"""The stream of one worker's training batches."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

import tfp_cinc
from training.datasets.dataset import Dataset, telling_user_errors
from training.datasets.randomness import CROP, FLIP, NOISE, uniform
from training.errors import UserError

__all__ = ['configured_batches', 'next_batch', 'training_batches']


def training_batches(
  dataset: Dataset,
  *,
  seed: int,
  batch_size: int,
  num_bits: int,
  flip: bool,
  crop: int = 0,
  first_position: int = 0,
  rank: int = 0,
  size: int = 1,
) -> tf.data.Dataset:
  """The endless stream of one worker's training batches.

  A step of all workers together is the next batch_size positions; worker r of n
  has those from batch_size * r // n to batch_size * (r + 1) // n of them, so
  that shares differ by one at most.

  Three batches are in memory at once, one in use and two ahead.

  Args:
    dataset: what to read.
    seed: of everything that is random.
    batch_size: images of a step, over all workers.
    num_bits: of a pixel.
    flip: whether to mirror images at random.
    crop: by how many pixels to move images at random, at most, in each
      direction; what comes in at a border repeats the border's pixels.
    first_position: the position to start from.
    rank: this worker's number.
    size: the number of workers.

  Returns:
    `tf.data.Dataset` of float32 [share, H, W, C], dequantized.

  Raises:
    UserError: if there are fewer images than workers, or the first of the data
      set cannot be read.
  """
  if batch_size < size:
    raise UserError(
      f'config.train.batch_size is {batch_size}, less than the {size} workers; '
      'each needs an image of a step.'
    )
  dataset.open_train()
  first, end = (batch_size * r // size for r in (rank, rank + 1))
  shape = [end - first, *dataset.image_shape]

  def batch(step):
    start = first_position + step * batch_size + first
    images = dataset.read_train(seed, start, end - first)
    if crop:
      images = _move(images, crop, uniform(seed, CROP, start, [shape[0], 2]))
    if flip:
      chance = uniform(seed, FLIP, start, [shape[0], 1, 1, 1])
      images = tf.where(chance < 0.5, tf.reverse(images, [2]), images)
    noise = uniform(seed, NOISE, start, shape)
    return tfp_cinc.dequantize(images, num_bits, noise=noise)

  return (
    tf.data.Dataset.range(np.iinfo(np.int64).max)
    .map(batch, num_parallel_calls=1, deterministic=True)
    .prefetch(2)
  )


def configured_batches(
  config, dataset: Dataset, batch_size: int, **position: int
) -> tf.data.Dataset:
  """`training_batches` as a configuration has them.

  Args:
    config: the whole configuration.
    dataset: what to read.
    batch_size: images of a step, over all workers.
    **position: `first_position`, `rank` and `size`, as there.

  Returns:
    As `training_batches`.

  Raises:
    UserError: as `training_batches`.
  """
  return training_batches(
    dataset,
    seed=config.seed,
    batch_size=batch_size,
    num_bits=config.data.num_bits,
    flip=config.data.flip,
    crop=config.data.crop,
    **position,
  )


def next_batch(batches: Iterator[tf.Tensor]) -> tf.Tensor:
  """The next of the batches of `training_batches`.

  Args:
    batches: an iterator over them.

  Returns:
    float32 [share, H, W, C].

  Raises:
    UserError: if too many images in a row cannot be decoded.
  """
  with telling_user_errors():
    return next(batches)


def _move(images, limit, chance):
  """Images moved by -limit to limit pixels, down and right by [n, 2] draws."""
  for axis in (1, 2):
    length = images.shape[axis]
    offset = tf.cast(chance[:, axis - 1] * (2 * limit + 1), tf.int32) - limit
    places = offset[:, tf.newaxis] + tf.range(length)
    places = tf.clip_by_value(places, 0, length - 1)
    images = tf.gather(images, places, axis=axis, batch_dims=1)
  return images
