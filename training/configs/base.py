"""What all configurations share."""

import ml_collections
from ml_collections import config_dict

__all__ = ['get_base_config', 'get_digits_config', 'get_photos_config']

_FLOW_ARGUMENTS = {
  'layers': str,  # as 'one_by_one+cinc'
  'levels': int,
  'depth': int,
  'coupling': str,
  'coupling_blocks': int,
  'scale_function': str,
  'network': str,
  'hidden_channels': int,
  'kernel_size': int,
  'padding': str,
  'dilation': int,
  'use_bias': bool,  # of k x k convolutions
  'diagonal_block': str,
  'parametrization': str,
  'checkerboards': int,
  'split_prior': bool,
  'memory': str,  # 'checkpoint', 'reversible': less of it, for some time
  # Of training and samples; evaluation is in float32. 'auto': bfloat16 where
  # the processor multiplies it natively.
  'network_dtype': str,
}


def get_base_config() -> ml_collections.ConfigDict:
  """What is true of all; every value can be overridden."""
  config = ml_collections.ConfigDict()
  config.seed = 0  # of the initial weights, the order of the data, the noise
  config.smoke = False  # two small steps on made-up images, see smoke.py

  config.data = data = ml_collections.ConfigDict()
  # 'photos', 'digits', 'folder', 'arrays', 'tfds' or 'made_up'
  data.name = 'photos'
  data.image_size = 32  # height and width in pixels
  data.num_bits = 8  # of a pixel, 1 to 8
  # 'folder': 3, or 1 for grey ones; 'made_up': of its images
  data.channels = 3
  data.flip = True  # mirror training images at random
  # Move training images at random by up to so many pixels; 0: not.
  data.crop = 0
  # 'folder': the images' folder; 'arrays': a .npy or .npz file, or a folder of
  # .npy files; 'tfds': its data_dir
  data.dir = ''
  data.tfds_name = ''  # 'tfds': name[/config][:version], as 'cifar10'
  data.download = False  # 'tfds': download and prepare where it is missing
  data.test_fraction = 0.1  # held out, where the data set has no test split
  # MiB of decoded training images that each worker keeps in memory, at most.
  data.cache_mb = 2048
  # Where those of larger data sets are kept in a file; '': decoded at each use.
  data.cache_dir = ''

  # A function of tfp_cinc.models, and arguments of it. What is None here is
  # left to the function; not every function has all of them.
  config.flow = flow = ml_collections.ConfigDict()
  flow.name = 'cinc'
  for argument, kind in _FLOW_ARGUMENTS.items():
    flow[argument] = config_dict.placeholder(kind)

  config.train = train = ml_collections.ConfigDict()
  train.num_steps = 2000
  train.max_minutes = 0.0  # of training time, over all resumed runs; 0: no end
  train.batch_size = 64  # images a step, shared out among the workers
  # When workers come or go: 'global' keeps the images of a step of all workers;
  # with 'per_worker', batch_size is each worker's and kept, and the learning
  # rate grows in proportion to the workers, from those it started with.
  train.scale_rule = 'global'
  train.accumulate = 1  # parts that a worker's images go through the flow in
  train.optimizer = 'adam'  # 'adamax', or 'muon', see training/muon.py
  train.learning_rate = 1e-3
  train.schedule = 'constant'  # after the warm-up: 'constant' or 'cosine'
  train.warmup_steps = 50
  train.warmup_epochs = 0.0  # in place of warmup_steps, where it is not 0
  train.clip_norm = 1.0  # of the gradient; 0: no clipping
  train.ema_decay = 0.999  # of the weights' moving average; 0: none
  # 'uniform', or 'variational': noise within the pixels' bins is learned, by
  # networks of so many channels.
  train.dequantization = 'uniform'
  train.noise_channels = 16
  train.compress_gradients = False  # send them between workers as float16
  train.init_images = 256  # for the data-dependent initialization
  train.max_skipped = 10  # steps in a row that are not finite, before it ends
  train.log_every = 20  # steps, as those below
  train.eval_every = 500
  train.checkpoint_every = 200
  train.keep_checkpoints = 3
  train.commit_every = 10  # elastic: where it goes on when a worker is lost
  train.deterministic = True  # the same bits at every run on the same machine

  config.eval = evaluation = ml_collections.ConfigDict()
  evaluation.batch_size = 64
  evaluation.num_images = 512  # at most, during training; at the end all
  evaluation.noise_draws = 8  # dequantization draws an image, at the end
  return config


def get_photos_config(model: str) -> ml_collections.ConfigDict:
  """An image flow on the photographs, for 5 minutes on 2 CPU cores.

  Args:
    model: a function of `tfp_cinc.models`.

  Returns:
    The configuration.
  """
  config = get_base_config()
  config.flow.name = model
  config.flow.levels = 3
  config.flow.depth = 4
  config.flow.coupling = 'affine'
  # With the published code's 'sigmoid' a tenth of the samples are not finite
  # after these few steps: its inverse has no bound.
  config.flow.scale_function = 'tanh'
  config.flow.hidden_channels = 128
  config.train.learning_rate = 3e-3
  config.train.num_steps = 1200
  config.train.max_minutes = 5.0
  config.train.schedule = 'cosine'
  return config


def get_digits_config(model: str) -> ml_collections.ConfigDict:
  """A flow over the 64 pixels of a digit, for 5 minutes on 2 CPU cores.

  Args:
    model: a function of `tfp_cinc.models`.

  Returns:
    The configuration.
  """
  config = get_base_config()
  config.data.name = 'digits'
  config.data.image_size = 8
  config.data.flip = False
  config.flow.name = model
  config.train.num_steps = 1200
  config.train.max_minutes = 5.0
  config.train.schedule = 'cosine'
  return config
