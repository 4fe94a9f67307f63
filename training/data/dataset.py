"""A data set: training images by position, and test images."""

import contextlib
import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from ..errors import UserError
from .cache import Reader, read_all
from .facts import DataFacts
from .randomness import shuffled
from .sources import Source, digest

__all__ = ['Dataset', 'held_out', 'shuffled_dataset', 'telling_user_errors']


@dataclasses.dataclass(frozen=True)
class Dataset:
  """Training and test images.

  Attributes:
    name: Name of the data set, for messages.
    image_shape: (H, W, C).
    num_train: Number of training examples per epoch; None if they are drawn
      without end.
    read_train: Function of (seed, start, count) that returns the training
      images of the positions start, ..., start + count - 1 as uint8
      [count, H, W, C]. `start` is an int64 `Tensor` [].
    open_train: Function that prepares reading the training images, which may
      take time or fail. If it is not called, the first call of `read_train`
      does this.
    read_test: Function that returns (images, labels or None); see
      `test_images`.
    read_labels: Function that returns `train_labels`.
    label_names: Names of the classes or attributes, in the order of the labels;
      None if they have no names.
    read_others: Dict from the name of each further split to a function like
      `read_test`.
    license: License of the images, '' if not known.
    warnings: Sentences for the user.
    num_test: Number of test images, including broken ones; None if not known.
    read_digest: Function that returns a text that differs if the images do,
      wherever they are; None if that is not known.
    num_classes: Number of classes, if each label is one of them.
    num_attributes: Number of attributes, if each label says which of them an
      image has.
  """

  name: str
  image_shape: tuple[int, int, int]
  num_train: int | None
  read_train: Callable[[int, tf.Tensor, int], tf.Tensor]
  read_test: Callable[[], tuple[np.ndarray, np.ndarray | None]]
  read_labels: Callable[[], np.ndarray | None] = lambda: None
  label_names: tuple[str, ...] | None = None
  read_others: Mapping[
    str, Callable[[], tuple[np.ndarray, np.ndarray | None]]
  ] = dataclasses.field(default_factory=dict)
  open_train: Callable[[], object] = lambda: None
  license: str = ''
  warnings: tuple[str, ...] = ()
  num_test: int | None = None
  read_digest: Callable[[], str | None] = lambda: None
  num_classes: int | None = None
  num_attributes: int | None = None

  @functools.cached_property
  def facts(self) -> DataFacts:
    """The facts about the data set that a trained flow needs."""
    return DataFacts(
      self.name,
      self.image_shape,
      self.label_names,
      self.license,
      self.num_train,
      self.read_digest(),
      self.num_classes,
      self.num_attributes,
    )

  def describe(self) -> str:
    """Returns what to say about the images before training."""
    number = '' if self.num_train is None else f'{self.num_train} '
    shape = ' x '.join(map(str, self.image_shape))
    train = f'{self.name}: {number}training images of shape {shape}.'
    if self.num_test is None:
      return train
    return f'{train} Held out for testing: {self.num_test}.'

  @functools.cached_property
  def _test(self):
    return self.read_test()

  @property
  def test_images(self) -> np.ndarray:
    """uint8 [N, H, W, C]; read at the first use, then kept in memory."""
    return self._test[0]

  @property
  def test_labels(self) -> np.ndarray | None:
    """int64 [N] classes or [N, A] attributes; None if there are no labels."""
    return self._test[1]

  @functools.cached_property
  def train_labels(self) -> np.ndarray | None:
    """Labels as `test_labels`, in the order of `train_numbers`."""
    return self.read_labels()

  def train_numbers(self, seed: int, start, count: int) -> tf.Tensor:
    """Returns the indices of the training images at some positions.

    The labels of these images are `train_labels[train_numbers(...)]`.

    Args:
      seed: Seed of the run.
      start: int64 [], the first position.
      count: Number of positions.

    Returns:
      int64 [count], each less than `num_train`.
    """
    start = tf.convert_to_tensor(start, tf.int64)
    return shuffled(seed, start, count, self.num_train)


@contextlib.contextmanager
def telling_user_errors() -> Iterator[None]:
  """Raises a `UserError` of a TensorFlow operation as a `UserError`."""
  try:
    yield
  except tf.errors.UnknownError as error:  # TensorFlow's form of any exception
    _, is_ours, sentence = error.message.partition('UserError: ')
    if not is_ours:
      raise
    raise UserError(sentence.splitlines()[0]) from None


def shuffled_dataset(
  name: str,
  train: Source,
  test: Source,
  config,
  warnings: Iterable[str] = (),
  label_names: Iterable[str] | None = None,
  others: Mapping[str, Source] | None = None,
  license: str = '',
  num_classes: int | None = None,
  num_attributes: int | None = None,
) -> Dataset:
  """Returns a data set that is shuffled in each epoch.

  Args:
    name: Name of the data set.
    train: Training images. They are read through the cache of `config`.
    test: Test images. Broken images are left out.
    config: The `data` section of a configuration.
    warnings: Sentences for the user.
    label_names: See `Dataset`.
    others: Further splits, by name.
    license: License of the images.
    num_classes: See `Dataset`.
    num_attributes: See `Dataset`.

  Returns:
    `Dataset`.
  """

  @functools.cache
  def reader():
    # Opened at the first use, because using a flow needs no training images.
    return Reader(train.at_random(config), config)

  def read_train(seed, start, count):
    numbers = shuffled(seed, start, count, len(train))
    # Not stateful, because the same numbers give the same images.
    images = tf.numpy_function(
      reader().read, [numbers], tf.uint8, stateful=False
    )
    return tf.ensure_shape(images, [count, *train.shape])

  def read_digest():
    parts = [train.fingerprint(), test.fingerprint()]
    return digest(' '.join(parts).encode()) if all(parts) else None

  return Dataset(
    name,
    tuple(train.shape),
    len(train),
    read_train,
    lambda: read_all(test),
    train.labels,
    None if label_names is None else tuple(label_names),
    {
      split: functools.partial(read_all, source)
      for split, source in (others or {}).items()
    },
    reader,
    license,
    tuple(warnings),
    len(test),
    read_digest,
    num_classes,
    num_attributes,
  )


def held_out(
  keys: Iterable[bytes], fraction: float
) -> tuple[np.ndarray, np.ndarray]:
  """Splits images into training and test images by a hash.

  If images are added later, few of the others change sides.

  Args:
    keys: Bytes that identify each image.
    fraction: Fraction of the images to hold out for testing.

  Returns:
    (int64 indices of the training images, int64 indices of the test images),
    both in the order of the hashes.

  Raises:
    UserError: If one of the two is empty.
  """
  hashes = [hashlib.sha256(key).digest() for key in keys]
  count = round(fraction * len(hashes))
  if not 0 < count < len(hashes):
    raise UserError(
      f'config.data.test_fraction {fraction} holds out {count} of '
      f'{len(hashes)} images; training and testing need at least one image '
      'each.'
    )
  order = np.array(sorted(range(len(hashes)), key=hashes.__getitem__))
  return order[count:], order[:count]
