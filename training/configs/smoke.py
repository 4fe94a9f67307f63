"""Reduction of any configuration to a run of a few seconds."""

import ml_collections

__all__ = ['reduce_if_smoke']

_LARGEST = 64  # pixels per side
_MOST_PATCHES = 16  # per side
_GRAY = ('mnist', 'fashion_mnist')


def reduce_if_smoke(
  config: ml_collections.ConfigDict,
) -> ml_collections.ConfigDict:
  """Reduces a configuration to two steps of a small flow on random images.

  The flow keeps its function and its levels, with one step per level and
  networks of 8 channels; transformers have one layer of one head. Images larger
  than 64x64 or 16x16 patches become so large. Each worker takes two images per
  step. Reducing twice is the same as reducing once, so the same command resumes
  the run.

  Args:
    config: Any configuration. It is changed if `config.smoke` is True.

  Returns:
    `config`.
  """
  if not config.smoke:
    return config
  data, flow, train = config.data, config.flow, config.train
  if data.name not in ('folder', 'made_up'):
    is_gray = data.name == 'digits' or data.tfds_name.split('/')[0] in _GRAY
    data.channels = 1 if is_gray else 3
  data.name = 'made_up'
  data.dir = data.tfds_name = ''
  data.download = False
  largest = _LARGEST
  if flow.patch_size is not None:
    largest = min(largest, _MOST_PATCHES * flow.patch_size)
  if data.image_size > largest:
    data.image_size, data.low_resolution_factor = largest, 2
  flow.depth = 1
  flow.hidden_channels = 8
  for name in ('num_layers', 'num_heads'):  # None if it is no transformer
    flow[name] = flow[name] and 1
  train.num_steps = 2
  train.max_minutes = 0.0
  train.scale_rule = 'per_worker'
  train.batch_size = 2
  train.accumulate = min(train.accumulate, 2)
  train.init_images = 8
  train.initial_weights = ''  # those of a larger flow
  train.log_every = train.eval_every = train.checkpoint_every = 1
  config.eval.batch_size = 4
  config.eval.num_images = 4
  config.eval.noise_draws = 1
  return config
