"""A run of seconds of any configuration: `--config.smoke=True`."""

import ml_collections
import numpy as np

__all__ = ['made_up_images', 'reduce']

_LARGEST = 64  # pixels a side
_TRAIN, _TEST = 16, 8  # images
_GREY = ('mnist', 'fashion_mnist')


def reduce(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  """Makes a configuration one of two steps, of a small flow, without data.

  The flow keeps its kind and its levels, with one step a level and networks of
  8 channels; images keep their shape up to 64x64, and larger ones are 64x64.
  Each worker takes two images a step. Reducing twice is reducing once, so that
  a run resumes with the same call.

  Args:
    config: any configuration; it is changed where `config.smoke` is True.

  Returns:
    The same.
  """
  if not config.smoke:
    return config
  data, flow, train = config.data, config.flow, config.train
  if data.name not in ('folder', 'made_up'):
    is_grey = data.name == 'digits' or data.tfds_name.split('/')[0] in _GREY
    data.channels = 1 if is_grey else 3
  data.name = 'made_up'
  data.dir = data.tfds_name = ''
  data.download = False
  data.image_size = min(data.image_size, _LARGEST)
  flow.depth = 1
  flow.hidden_channels = 8
  train.num_steps = 2
  train.max_minutes = 0.0
  train.scale_rule = 'per_worker'
  train.batch_size = 2
  train.accumulate = min(train.accumulate, 2)
  train.init_images = 8
  train.log_every = train.eval_every = train.checkpoint_every = 1
  config.eval.batch_size = 4
  config.eval.num_images = 4
  config.eval.noise_draws = 1
  return config


def made_up_images(config, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
  """The images of the data set 'made_up'.

  Args:
    config: the `data` part of a configuration: `image_size` and `channels`.
    seed: of their pixels, which are independent and uniform.

  Returns:
    (16 images to train on, 8 to test on), uint8 [N, image_size, image_size,
    channels].
  """
  shape = [
    _TRAIN + _TEST,
    config.image_size,
    config.image_size,
    config.channels,
  ]
  images = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
  return images[:_TRAIN], images[_TRAIN:]
