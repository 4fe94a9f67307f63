"""Test images of scikit-learn's data sets, for flows that come without data."""

import dataclasses

import numpy as np
import tensorflow as tf

from tfp_cinc import latents

from ..configs.base import get_base_config
from ..data.load import load_dataset
from ..data.splits import find_split

__all__ = ['Examples', 'load_examples']

_BUILTIN = {1: 'digits', 3: 'photos'}  # data set by the number of channels
_DIGIT_SIZE = 8  # of scikit-learn's images
_SEED = 20  # of the order, chosen so that the first two images show trees


@dataclasses.dataclass(frozen=True)
class Examples:
  """Images that a flow was not trained on.

  Attributes:
    name: Name of their data set.
    images: uint8 [N, H, W, C].
    directions: `AttributeDirections` of the labels of the data set, if the flow
      was trained on it; else None.
  """

  name: str
  images: np.ndarray
  directions: latents.AttributeDirections | None


def load_examples(flow) -> Examples:
  """Returns test images of scikit-learn's digits or photographs.

  The test images are those of a run with the default configuration, so that a
  flow of the package that was trained on the same data set has not seen them.
  For other flows, the digits are enlarged to the size that MNIST's have.

  Args:
    flow: `TrainedFlow` of square images with 1 or 3 channels, unconditional.

  Returns:
    `Examples` of the shape of the flow's images.

  Raises:
    UserError: If the images are too small or too large.
  """
  config = get_base_config().data
  config.name = _BUILTIN[flow.image_shape[-1]]
  size, config.num_bits = flow.image_shape[0], flow.num_bits
  enlarge = config.name == 'digits' and flow.name != 'digits'
  config.image_size = _DIGIT_SIZE if enlarge else size
  dataset = load_dataset(config)
  directions = None
  if dataset.name == flow.name and dataset.label_names is not None:
    directions = _learn_directions(flow, dataset)
  # The photographs are cut from the top; their first crops are all sky.
  order = np.random.default_rng(_SEED).permutation(len(dataset.test_images))
  images = dataset.test_images[order]
  return Examples(
    dataset.name, _like_mnist(images, size) if enlarge else images, directions
  )


def _like_mnist(digits, size):
  """Enlarges uint8 digits, which are 20 of 28 pixels high in MNIST."""
  inner = round(size * 20 / 28)
  images = tf.image.resize(digits, [inner, inner], 'bicubic')
  images = tf.image.resize_with_crop_or_pad(images, size, size)
  return tf.saturate_cast(tf.round(images), tf.uint8).numpy()


def _learn_directions(flow, dataset):
  """Returns the direction of each class, from the training images."""
  names = dataset.label_names
  batches = find_split(dataset, 'train').batches(flow.batch_size)
  return latents.attribute_directions(
    (
      (flow.encode(images), latents.one_hot_attributes(labels, len(names)))
      for images, labels in batches
    ),
    'class_means',
    names,
  )
