"""Data sets of images, and the stream of training batches.

Everything about a training example follows from (seed, position), where the
position counts examples over all workers and epochs: which image, which crop
and flip, which noise. So a run resumes at the position it had, and n workers
read together what one worker would read.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

import tfp_cinc
from training import preflight
from training.errors import UserError

__all__ = ['Dataset', 'load', 'training_batches']

# Names for the seeds that are derived from an example's.
_ORDER, _CROP, _FLIP, _NOISE = range(4)


@dataclasses.dataclass(frozen=True)
class Dataset:
  """Images to train and to test on.

  Attributes:
    name: what to call it where numbers are printed.
    test_images: uint8 array [N, H, W, C].
    num_train: the number of training examples of an epoch, or None where they
      are drawn without end.
    train_image: a function of (seed int64 [2], position int64 []) that returns
      a training image, uint8 [H, W, C].
    warnings: sentences for the user.
  """

  name: str
  test_images: np.ndarray
  num_train: int | None
  train_image: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
  warnings: tuple[str, ...] = ()

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """[H, W, C]."""
    return self.test_images.shape[1:]


def load(config) -> Dataset:
  """The data set that a `config.data` names.

  Args:
    config: the `data` part of a configuration.

  Returns:
    `Dataset`.

  Raises:
    UserError: if it is not there, or holds no image.
  """
  preflight.check_data(config)
  return {
    'photos': _photos,
    'digits': _digits,
    'folder': _folder,
    'tfds': _tfds,
  }[config.name](config)


def training_batches(
  dataset: Dataset,
  *,
  seed: int,
  batch_size: int,
  num_bits: int,
  flip: bool,
  first_step: int = 0,
  rank: int = 0,
  size: int = 1,
) -> tf.data.Dataset:
  """The endless stream of one worker's training batches.

  Step s of all workers together is the positions s * batch_size to
  (s + 1) * batch_size - 1; each worker takes its share of them.

  Args:
    dataset: what to read.
    seed: of everything that is random.
    batch_size: images of a step, over all workers.
    num_bits: of a pixel.
    flip: whether to mirror images at random.
    first_step: the step to start from.
    rank: this worker's number.
    size: the number of workers.

  Returns:
    `tf.data.Dataset` of float32 [batch_size / size, H, W, C], dequantized.

  Raises:
    UserError: if the batch cannot be shared out equally.
  """
  if batch_size % size:
    raise UserError(
      f'config.train.batch_size is {batch_size}, which {size} workers cannot '
      'share equally; make it a multiple of their number.'
    )
  share = batch_size // size
  seed = tf.constant([seed, 0], tf.int64)

  def positions(step):
    start = step * batch_size + rank * share
    return tf.data.Dataset.range(start, start + share)

  def example(position):
    image = dataset.train_image(seed, position)
    key = _fold(seed, position)
    if flip:
      mirrored = tf.image.flip_left_right(image)
      chance = tf.random.stateless_uniform([], _fold(key, _FLIP))
      image = tf.where(chance < 0.5, mirrored, image)
    image = tfp_cinc.dequantize(image, num_bits, seed=_fold(key, _NOISE))
    return tf.ensure_shape(image, dataset.image_shape)

  steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
  return (
    steps.flat_map(positions)
    .map(example, num_parallel_calls=2, deterministic=True)
    .batch(share, drop_remainder=True)
    .prefetch(2)
  )


def _fold(seed, number):
  return tf.random.experimental.stateless_fold_in(seed, number)


def _photos(config):
  """Random crops of the left 80%, a grid of crops of the right 20%."""
  from sklearn.datasets import load_sample_images

  photos = np.stack(load_sample_images().images)
  size, (height, width) = config.image_size, photos.shape[1:3]
  border = int(0.8 * width)
  if size > min(height, width - border):
    raise UserError(
      f'config.data.image_size is {size}; crops of the photographs have at '
      f'most {min(height, width - border)} pixels a side.'
    )
  test = [
    photo[top : top + size, left : left + size]
    for photo in photos
    for top in range(0, height - size + 1, size)
    for left in range(border, width - size + 1, size)
  ]
  train = tf.constant(photos[:, :, :border])

  def train_image(seed, position):
    limits = [len(photos), height - size + 1, border - size + 1]
    chance = tf.random.stateless_uniform(
      [3], _fold(_fold(seed, position), _CROP)
    )
    index, top, left = tf.unstack(tf.cast(chance * limits, tf.int32))
    return tf.slice(train[index], [top, left, 0], [size, size, 3])

  return Dataset('photographs', np.stack(test), None, train_image)


def _digits(config):
  """scikit-learn's digits, 0 to 16 scaled to 0 to 255, in a black frame."""
  from sklearn.datasets import load_digits

  images = np.round(load_digits().images * (255 / 16)).astype(np.uint8)
  margin = config.image_size - images.shape[1]
  if margin < 0:
    raise UserError(
      f'config.data.image_size is {config.image_size}; the digits have 8x8 '
      'pixels, which are padded and not cropped.'
    )
  frame = (margin // 2, margin - margin // 2)
  images = np.pad(images, [(0, 0), frame, frame])[..., np.newaxis]
  return _held_out('digits', images, config.test_fraction)


def _folder(config):
  """All images below a folder, cropped to squares and resized."""
  images, skipped = [], []
  paths = sorted(
    os.path.join(folder, name)
    for folder, _, names in os.walk(config.dir)
    for name in names
    if not name.startswith('.')
  )
  for path in paths:
    try:
      image = tf.io.decode_image(
        tf.io.read_file(path), channels=3, expand_animations=False
      )
      images.append(_resize(image, config.image_size).numpy())
    except (tf.errors.OpError, ValueError):
      skipped.append(os.path.relpath(path, config.dir))
  if not images:
    raise UserError(
      f'config.data.dir: none of the {len(paths)} files below {config.dir} is '
      'a PNG, JPEG, BMP or GIF image.'
    )
  warnings = []
  if skipped:
    names = ', '.join(skipped[:5]) + (', ...' if len(skipped) > 5 else '')
    warnings.append(
      f'skipped {len(skipped)} of {len(paths)} files below {config.dir}, which '
      f'are not images: {names}'
    )
  return _held_out(
    os.path.basename(os.path.abspath(config.dir)),
    np.stack(images),
    config.test_fraction,
    warnings,
  )


def _tfds(config):
  """A data set prepared by TensorFlow Datasets, of its 'image' feature."""
  import tensorflow_datasets as tfds

  if config.download:
    builder = tfds.builder(config.tfds_name, data_dir=config.dir or None)
    builder.download_and_prepare()
  else:
    builder = tfds.builder_from_directory(
      preflight.prepared_tfds_folder(config.tfds_name, config.dir)
    )
  if 'image' not in (builder.info.features or {}):
    raise UserError(
      f"config.data.tfds_name: {config.tfds_name} has no feature 'image', only "
      f'{sorted(builder.info.features or {})}.'
    )

  def read(split):
    stream = builder.as_dataset(
      split=split, decoders=tfds.decode.PartialDecoding({'image': True})
    )
    stream = stream.map(
      lambda example: _resize(example['image'], config.image_size)
    )
    return np.stack(list(stream.as_numpy_iterator()))

  name = builder.info.full_name
  if 'test' in builder.info.splits:
    return _array_dataset(name, read('train'), read('test'))
  return _held_out(name, read('train'), config.test_fraction)


def _resize(image, size):
  """The central square of an image, resized by area, as uint8."""
  shape = tf.shape(image)
  side = tf.minimum(shape[0], shape[1])
  image = tf.image.resize_with_crop_or_pad(image, side, side)
  if image.shape[:2] != [size, size]:
    image = tf.image.resize(tf.cast(image, tf.float32), [size, size], 'area')
  return tf.cast(tf.round(image), tf.uint8)


def _held_out(name, images, test_fraction, warnings=()):
  """A data set of which a part chosen by hash is for testing."""
  count = round(test_fraction * len(images))
  if not 0 < count < len(images):
    raise UserError(
      f'config.data.test_fraction {test_fraction} of {len(images)} images is '
      f'{count}; at least one image must be for testing and one for training.'
    )
  # By content, so that images that are added move few others across.
  hashes = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
  order = np.argsort(hashes, kind='stable')
  return _array_dataset(
    name, images[order[count:]], images[order[:count]], warnings
  )


def _array_dataset(name, train_images, test_images, warnings=()):
  """A data set in memory, read in another order at each epoch."""
  count = len(train_images)
  images = tf.constant(train_images)

  def train_image(seed, position):
    epoch, index = position // count, position % count
    key = _fold(_fold(seed, epoch), _ORDER)
    return images[tf.random.experimental.index_shuffle(index, key, count - 1)]

  return Dataset(name, test_images, count, train_image, tuple(warnings))
