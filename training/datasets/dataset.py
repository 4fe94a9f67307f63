"""A data set: the images to train on by position, and those to test on."""

import contextlib
import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from training.datasets.cache import Reader, read_all
from training.datasets.randomness import shuffled
from training.datasets.sources import Source
from training.errors import UserError

__all__ = ['Dataset', 'held_out', 'shuffled_dataset', 'telling_user_errors']


@dataclasses.dataclass(frozen=True)
class Dataset:
  """Images to train and to test on.

  Attributes:
    name: what to call it where numbers are printed.
    image_shape: (H, W, C).
    num_train: the number of training examples of an epoch, or None where they
      are drawn without end.
    read_train: a function of (seed, start, count) that returns the training
      images of the positions from `start`, an int64 `Tensor` [], to
      start + count - 1, as uint8 [count, H, W, C].
    open_train: a function that gets the training images ready, where this takes
      time or may fail; `read_train` does so at its first call otherwise.
    read_test: a function that returns (images, labels or None); see
      `test_images`.
    read_labels: a function that returns `train_labels`.
    label_names: of the classes or attributes, in the order of the labels; None
      where they have no names.
    read_others: by the name of another split that there is, a function that
      returns what `read_test` does.
    licence: of the images, '' where it is not known.
    warnings: sentences for the user.
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
  licence: str = ''
  warnings: tuple[str, ...] = ()

  @functools.cached_property
  def _test(self):
    return self.read_test()

  @property
  def test_images(self) -> np.ndarray:
    """uint8 [N, H, W, C]; read at the first use and then kept in memory."""
    return self._test[0]

  @property
  def test_labels(self) -> np.ndarray | None:
    """[N] classes or [N, A] attributes, int64; None where there are none."""
    return self._test[1]

  @functools.cached_property
  def train_labels(self) -> np.ndarray | None:
    """As `test_labels`; of a position: train_labels[train_numbers(...)]."""
    return self.read_labels()

  def train_numbers(self, seed: int, start, count: int) -> tf.Tensor:
    """Which training images some positions have.

    Args:
      seed: of the run.
      start: int64 [], the first position.
      count: how many.

    Returns:
      int64 [count], below `num_train`.
    """
    start = tf.convert_to_tensor(start, tf.int64)
    return shuffled(seed, start, count, self.num_train)


@contextlib.contextmanager
def telling_user_errors() -> Iterator[None]:
  """A context for reading images: a `UserError` within TensorFlow is raised."""
  try:
    yield
  except tf.errors.UnknownError as error:  # what TensorFlow makes of all errors
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
  licence: str = '',
) -> Dataset:
  """A data set of which each epoch is all images in another order.

  Args:
    name: of the set.
    train: the images to train on, read through the cache of `config`.
    test: those to test on; of these, broken ones are left out.
    config: the `data` part of a configuration.
    warnings: sentences for the user.
    label_names: see `Dataset`.
    others: the splits, by name, that are neither of the two.
    licence: of the images.

  Returns:
    `Dataset`.
  """

  @functools.cache
  def reader():
    # Not before it is asked for: a flow is used without its training images.
    return Reader(train.at_random(config), config)

  def read_train(seed, start, count):
    numbers = shuffled(seed, start, count, len(train))
    # Not stateful: the same numbers give the same images.
    images = tf.numpy_function(
      reader().read, [numbers], tf.uint8, stateful=False
    )
    return tf.ensure_shape(images, [count, *train.shape])

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
    licence,
    tuple(warnings),
  )


def held_out(
  keys: Iterable[bytes], fraction: float
) -> tuple[np.ndarray, np.ndarray]:
  """A choice of images for testing, by hash.

  Images that are added later move few others across.

  Args:
    keys: what tells an image from the others, one for each.
    fraction: the part of them that is for testing.

  Returns:
    (int64 numbers of the images for training, of those for testing), both in
    the order of the hashes.

  Raises:
    UserError: if one of the two is empty.
  """
  hashes = [hashlib.sha256(key).digest() for key in keys]
  count = round(fraction * len(hashes))
  if not 0 < count < len(hashes):
    raise UserError(
      f'config.data.test_fraction {fraction} of {len(hashes)} images is '
      f'{count}; at least one image must be for testing and one for training.'
    )
  order = np.array(sorted(range(len(hashes)), key=hashes.__getitem__))
  return order[count:], order[:count]
