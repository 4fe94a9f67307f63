"""What the configurations of the papers' experiments share.

The recipes are those of the papers and, where these are silent, of Glow's
published code, on which those of Emerging and of CInC Flow build: Adamax, rate
0.001, a batch of 64 for each of its workers at 32x32 (16 at 64x64), a linear
warm-up over 10 epochs, data-dependent initialization from 256 images, networks
of 512 channels. An epoch of that code is 50,000 images, whatever the data, and
shorter at 64x64 by the same factor as the batch.

Nobody says how many workers there were but the shift convolution's paper: 4
were chosen here for all, as there. Runs are as long as those of the CInC draft,
table 1, or as is said. Of this code, in no paper: gradients are clipped by
their norm (`--config.train.clip_norm=0` does not), and images are mirrored at
random but for digits.

`--config.smoke=True` makes two small steps of any of them on made-up images.
"""

import dataclasses

import ml_collections

from training.configs.base import get_base_config

__all__ = ['get_glow_config', 'get_paper_config', 'get_shift_config']

_EPOCH = 50_000  # images, in Glow's code


@dataclasses.dataclass(frozen=True)
class _Data:
  """A data set and the size of the flows that the papers train on it."""

  tfds_name: str  # '': a folder
  image_size: int
  levels: int
  depth: int
  epochs: int  # of Glow's code


_DATA = {
  'cifar10': _Data('cifar10', 32, 3, 32, 500),
  # By van den Oord et al.; `imagenet_resized` is another downsampling, whose
  # bits/dim do not compare.
  'imagenet32': _Data('downsampled_imagenet/32x32', 32, 3, 48, 600),
  'imagenet64': _Data('downsampled_imagenet/64x64', 64, 4, 48, 600),
  'galaxy': _Data('', 32, 2, 8, 1000),
  'celeba_hq256': _Data('celeb_a_hq/256', 256, 6, 32, 600),
}


def get_paper_config(
  model: str, data: str, depth: int | None = None
) -> ml_collections.ConfigDict:
  """A flow of the papers' size on a data set of theirs.

  Args:
    model: a function of `tfp_cinc.models`.
    data: 'cifar10', 'imagenet32', 'imagenet64', 'galaxy' or 'celeba_hq256'.
    depth: K, steps of a level, where it is not the data set's usual one.

  Returns:
    The configuration, with a batch of 256 images of 32x32 or as many pixels of
    larger ones, over all workers.
  """
  config, about = get_base_config(), _DATA[data]
  config.data.name = 'tfds' if about.tfds_name else 'folder'
  config.data.tfds_name = about.tfds_name
  config.data.image_size = about.image_size
  config.flow.name = model
  config.flow.levels = about.levels
  config.flow.depth = about.depth if depth is None else depth
  config.flow.hidden_channels = 512
  if config.flow.depth >= 32:
    config.flow.memory = 'checkpoint'
  config.train.batch_size = 256 * 32**2 // about.image_size**2
  config.train.num_steps = -(-about.epochs * _EPOCH // 256)
  config.train.log_every = 100
  config.train.eval_every = 2000
  config.train.checkpoint_every = 1000
  return config


def get_glow_config(
  model: str,
  data: str,
  coupling: str = 'affine',
  depth: int | None = None,
  epochs: int | None = None,
) -> ml_collections.ConfigDict:
  """CInC Flow, Emerging or Glow as their published code trains them.

  Args:
    model: 'cinc_paper', 'emerging' or 'glow'.
    data: as in `get_paper_config`.
    coupling: 'affine' or 'quad'.
    depth: as in `get_paper_config`.
    epochs: of 50,000 images, where it is not the data set's usual number.

  Returns:
    The configuration, for 4 workers.
  """
  config = get_paper_config(model, data, depth)
  config.flow.coupling = coupling
  config.train.optimizer = 'adamax'
  if data == 'cifar10':  # its epoch is the code's
    config.train.warmup_epochs = 10.0
  else:
    config.train.warmup_steps = -(-10 * _EPOCH // 256)
  if epochs is not None:
    config.train.num_steps = -(-epochs * _EPOCH // 256)
  return config


def get_shift_config(data: str) -> ml_collections.ConfigDict:
  """Shift convolutions as Truong et al. 2019, section 5, train them.

  Args:
    data: as in `get_paper_config`.

  Returns:
    The configuration, with a batch of 64 for each worker; meant for 4.
  """
  config = get_paper_config('shift_conv', data)
  config.flow.coupling = 'affine'
  config.flow.split_prior = False
  config.train.optimizer = 'adam'
  config.train.scale_rule = 'per_worker'
  config.train.batch_size = 64
  return config
