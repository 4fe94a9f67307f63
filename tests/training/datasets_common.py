"""What the tests of the data sets share."""

import numpy as np

from tests.training import tiny
from training import datasets


def data_config(**values):
  """The `data` part of the tiny configuration, with other values."""
  config = tiny.get_config().data
  config.update(values)
  return config


def batches(dataset, steps, **options):
  """The first batches of a stream."""
  options = {'seed': 3, 'batch_size': 8, 'num_bits': 8, 'flip': True, **options}
  stream = datasets.training_batches(dataset, **options)
  return [batch.numpy() for batch in stream.take(steps)]


def pixels(batch):
  """The pixels of a batch without their noise, uint8."""
  return np.floor((batch + 0.5) * 256).astype(np.uint8)


def epoch(dataset, batch_size=2, **options):
  """All training images of the first epoch, uint8 [N, H, W, C]."""
  steps = -(-dataset.num_train // batch_size)
  options = {'flip': False, 'batch_size': batch_size, **options}
  images = pixels(np.concatenate(batches(dataset, steps, **options)))
  return images[: dataset.num_train]


def same_images(ours, theirs):
  """Whether two stacks hold the same images, in any order."""
  return sorted(x.tobytes() for x in ours) == sorted(
    x.tobytes() for x in theirs
  )
