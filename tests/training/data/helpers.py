"""Configurations, batches and comparisons for the tests of data sets."""

import numpy as np
import PIL.Image

from tests.training import tiny
from training.data.batches import training_batches
from training.data.load import load_dataset


def data_config(**values):
  """Returns the `data` section of the tiny configuration, with changes."""
  config = tiny.get_config().data
  config.update(values)
  return config


def batches(dataset, steps, **options):
  """Returns the first batches of a stream."""
  options = {'seed': 3, 'batch_size': 8, 'num_bits': 8, 'flip': True, **options}
  stream = training_batches(dataset, **options)
  return [batch.numpy() for batch in stream.take(steps)]


def pixels(batch):
  """Returns the uint8 pixels of a batch, without its noise."""
  return np.floor((batch + 0.5) * 256).astype(np.uint8)


def epoch(dataset, batch_size=2, **options):
  """Returns all training images of the first epoch, uint8 [N, H, W, C]."""
  steps = -(-dataset.num_train // batch_size)
  options = {'flip': False, 'batch_size': batch_size, **options}
  images = pixels(np.concatenate(batches(dataset, steps, **options)))
  return images[: dataset.num_train]


def same_images(ours, theirs):
  """Returns whether two stacks hold the same images, in any order."""
  return sorted(x.tobytes() for x in ours) == sorted(
    x.tobytes() for x in theirs
  )


def random_image(seed, height=8, width=8):
  """Returns a random image, uint8 [height, width, 3]."""
  chance = np.random.default_rng(seed)
  return chance.integers(0, 256, [height, width, 3], np.uint8)


def save_image(path, image):
  """Writes an image file and its folder; returns the image."""
  path.parent.mkdir(parents=True, exist_ok=True)
  PIL.Image.fromarray(image).save(path)
  return image


def load_folder(folder, **values):
  """Loads a folder of image files as 8x8 images."""
  config = {'name': 'folder', 'dir': str(folder), 'image_size': 8, **values}
  return load_dataset(data_config(**config))
