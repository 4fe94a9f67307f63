"""Classification of images by a flow that is conditional on their classes."""

import dataclasses

import numpy as np
import tensorflow as tf

from ...data.noise import noisy_batches
from ..run import Run

__all__ = ['Classification', 'bits_by_class', 'class_log_probs', 'classify']


@dataclasses.dataclass(frozen=True)
class Classification:
  """How well a flow classifies images by Bayes' rule.

  Attributes:
    accuracy: Fraction of the images that are most probable under their own
      class. This is the accuracy of Bayes' rule if all classes are equally
      frequent.
    standard_error: Standard error of the accuracy.
    number: Number of images.
  """

  accuracy: float
  standard_error: float
  number: int

  @classmethod
  def of(cls, log_probs: np.ndarray, labels: np.ndarray) -> 'Classification':
    """Compares classes with labels.

    Args:
      log_probs: Log-densities [N, K] of images given each class. An image with
        values that are not finite counts as wrong.
      labels: int array [N], the classes.

    Returns:
      `Classification`.
    """
    right = np.argmax(log_probs, axis=1) == labels
    right &= np.all(np.isfinite(log_probs), axis=1)
    error = np.std(right) / np.sqrt(len(right))
    return cls(float(np.mean(right)), float(error), len(right))


def classify(
  run: Run, log_prob, cost: int | None = None
) -> Classification | None:
  """Classifies the first test images of a run.

  Args:
    run: The run.
    log_prob: See `class_log_probs`.
    cost: Largest number of densities to compute, at least for one image. None
      classifies `config.eval.num_classified` images.

  Returns:
    `Classification`; None if the flow is not conditional on a class.
  """
  condition, settings = run.model.condition, run.config.eval
  if condition is None or condition.num_classes is None:
    return None
  number = settings.num_classified
  if cost is not None:
    number = min(number, max(1, cost // condition.num_classes))
  images = run.dataset.test_images[:number]
  log_probs = class_log_probs(
    log_prob,
    images,
    condition.num_classes,
    num_bits=run.config.data.num_bits,
    batch_size=settings.batch_size,
  )
  return Classification.of(log_probs, run.dataset.test_labels[: len(images)])


def class_log_probs(
  log_prob, images, num_classes: int, *, num_bits: int, batch_size: int
) -> np.ndarray:
  """Returns the log-density of each image given each class.

  All classes get the same dequantization noise. Cost: one density per class.

  Args:
    log_prob: Function of (images [N, H, W, C], one-hot classes [N, K]) that
      returns [N], in nats.
    images: uint8 array [N, H, W, C].
    num_classes: Number of classes K.
    num_bits: Bits per channel.
    batch_size: Number of images per batch.

  Returns:
    float array [N, K].
  """
  result = np.zeros([len(images), num_classes])
  for here, values in noisy_batches(
    images, num_bits=num_bits, draws=1, batch_size=batch_size
  ):
    for number in range(num_classes):
      labels = tf.fill([values.shape[0]], number)
      result[here, number] = log_prob((values, tf.one_hot(labels, num_classes)))
  return result


def bits_by_class(bits: np.ndarray, labels, names) -> dict[str, float]:
  """Returns the mean bits/dim of the images of each class.

  Args:
    bits: float array [N], the bits/dim of each image.
    labels: int array [N], the classes.
    names: Names of the classes.

  Returns:
    Dict from the names of the classes that have images to bits/dim.
  """
  return {
    str(name): float(np.mean(bits[labels == number]))
    for number, name in enumerate(names)
    if np.any(labels == number)
  }
