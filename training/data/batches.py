"""The training batches of one worker."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

import tfp_cinc

from ..errors import UserError
from .condition import Condition, find_condition
from .dataset import Dataset, telling_user_errors
from .noise import gaussian_noise_scale
from .randomness import CROP, DROPOUT, FLIP, MASK, NOISE, normal, uniform

__all__ = ['configured_batches', 'next_batch', 'training_batches']


def training_batches(
  dataset: Dataset,
  *,
  seed: int,
  batch_size: int,
  num_bits: int,
  flip: bool,
  crop: int = 0,
  noise_scale: float = 0.0,
  first_position: int = 0,
  rank: int = 0,
  size: int = 1,
  condition: Condition | None = None,
  label_dropout: float = 0.0,
) -> tf.data.Dataset:
  """Returns the endless stream of the training batches of one worker.

  Each step of all workers uses the next `batch_size` positions. Worker r of n
  reads those from batch_size * r // n to batch_size * (r + 1) // n, so that the
  shares of two workers differ by at most one image.

  Three batches are in memory at once: one in use and two prefetched.

  Args:
    dataset: The data set.
    seed: Seed of all random numbers.
    batch_size: Number of images per step, over all workers.
    num_bits: Bits per channel.
    flip: Whether to mirror images at random.
    crop: Largest random shift in pixels, in each direction. The pixels of the
      border are repeated.
    noise_scale: Standard deviation of the Gaussian noise that is added to the
      middle of the bin of each pixel. 0 dequantizes with uniform noise.
    first_position: Position to start from.
    rank: Rank of this worker.
    size: Number of workers.
    condition: `Condition` of a conditional flow. It follows from the images
      after they were moved and mirrored.
    label_dropout: Probability of replacing the condition of an image by zeros,
      if it follows from the label.

  Returns:
    `tf.data.Dataset` of float32 [share, H, W, C], images with noise; with a
    condition, of pairs (images, conditions), see `Condition.of`.

  Raises:
    UserError: If there are fewer images per step than workers, the first images
      of the data set cannot be read, or the condition needs other labels.
  """
  if batch_size < size:
    raise UserError(
      f'config.train.batch_size is {batch_size}; it must be at least the '
      f'number of workers, {size}.'
    )
  dataset.open_train()
  first, end = (batch_size * r // size for r in (rank, rank + 1))
  shape = [end - first, *dataset.image_shape]
  labels = None
  if condition is not None and condition.takes_labels:
    labels = tf.constant(condition.check_labels(dataset.train_labels))

  def conditions(images, start):
    found = None
    if labels is not None:
      numbers = dataset.train_numbers(seed, start, shape[0])
      found = tf.gather(labels, numbers)
    chance = uniform(seed, MASK, start, [shape[0], condition.num_chances])
    found = condition.of(images, found, chance)
    if condition.takes_labels and label_dropout:
      chance = uniform(seed, DROPOUT, start, [shape[0], 1])
      found = tf.where(chance < label_dropout, tf.zeros_like(found), found)
    return tf.ensure_shape(found, [shape[0], *condition.shape])

  def batch(step):
    start = first_position + step * batch_size + first
    images = dataset.read_train(seed, start, end - first)
    if crop:
      images = _move(images, crop, uniform(seed, CROP, start, [shape[0], 2]))
    if flip:
      chance = uniform(seed, FLIP, start, [shape[0], 1, 1, 1])
      images = tf.where(chance < 0.5, tf.reverse(images, [2]), images)
    if noise_scale:
      values = tfp_cinc.dequantize(images, num_bits, noise=0.5)
      values += noise_scale * normal(seed, NOISE, start, shape)
    else:
      noise = uniform(seed, NOISE, start, shape)
      values = tfp_cinc.dequantize(images, num_bits, noise=noise)
    return values if condition is None else (values, conditions(images, start))

  return (
    tf.data.Dataset.range(np.iinfo(np.int64).max)
    .map(batch, num_parallel_calls=1, deterministic=True)
    .prefetch(2)
  )


def configured_batches(
  config, dataset: Dataset, batch_size: int, **position: int
) -> tf.data.Dataset:
  """Returns `training_batches` with the values of a configuration.

  Args:
    config: The whole configuration.
    dataset: The data set.
    batch_size: Number of images per step, over all workers.
    **position: `first_position`, `rank` and `size` of `training_batches`.

  Returns:
    See `training_batches`.

  Raises:
    UserError: See `training_batches`.
  """
  return training_batches(
    dataset,
    seed=config.seed,
    batch_size=batch_size,
    num_bits=config.data.num_bits,
    flip=config.data.flip,
    crop=config.data.crop,
    noise_scale=gaussian_noise_scale(config),
    condition=find_condition(config, dataset),
    label_dropout=config.train.label_dropout,
    **position,
  )


def next_batch(batches: Iterator):
  """Returns the next batch of `training_batches`.

  Args:
    batches: Iterator over the batches.

  Returns:
    float32 [share, H, W, C], or a pair with the conditions.

  Raises:
    UserError: If too many images in a row cannot be decoded.
  """
  with telling_user_errors():
    return next(batches)


def _move(images, limit, chance):
  """Shifts images down and right by -limit to limit pixels.

  Args:
    images: [n, H, W, C].
    limit: Largest shift.
    chance: [n, 2], uniform numbers in [0, 1).

  Returns:
    [n, H, W, C].
  """
  for axis in (1, 2):
    length = images.shape[axis]
    offset = tf.cast(chance[:, axis - 1] * (2 * limit + 1), tf.int32) - limit
    places = offset[:, tf.newaxis] + tf.range(length)
    places = tf.clip_by_value(places, 0, length - 1)
    images = tf.gather(images, places, axis=axis, batch_dims=1)
  return images
