"""Common parts of the configurations of the papers' experiments.

The recipes follow the papers. If a paper does not state a value, they follow
the published code of Glow, on which the code of Emerging and of CInC Flow is
based: Adamax with learning rate 0.001, a batch of 64 per worker at 32x32 (16 at
64x64), a linear warm-up over 10 epochs, data-dependent initialization from 256
images, and networks of 512 channels. In that code, an epoch is 50,000 images
for all data sets; at 64x64 it is shorter by the same factor as the batch.

Only the shift-convolution paper states its number of workers, 4; we use 4 for
all experiments. The length of a run is that of table 1 of the CInC draft,
unless a configuration says otherwise. Two details are in no paper: gradients
are clipped by their norm (`--config.train.clip_norm=0` turns this off), and
images except digits are mirrored at random.

Jet and TarFlow have recipes of their own, see `get_jet_config` and
`get_tarflow_config`.

`--config.smoke=True` runs only two small steps on random images.
"""

import dataclasses

import ml_collections

from ..base import get_base_config

__all__ = [
  'get_glow_config',
  'get_jet_config',
  'get_paper_config',
  'get_shift_config',
  'get_tarflow_config',
]

_EPOCH = 50_000  # images per epoch in Glow's code


@dataclasses.dataclass(frozen=True)
class _Data:
  """A data set and the size of the papers' flows on it."""

  tfds_name: str  # '' for a folder
  image_size: int
  levels: int
  depth: int
  epochs: int  # epochs as in Glow's code


_DATA = {
  'cifar10': _Data('cifar10', 32, 3, 32, 500),
  # By van den Oord et al. The images of `imagenet_resized` were downsampled in
  # another way, so that bits/dim are not comparable.
  'imagenet32': _Data('downsampled_imagenet/32x32', 32, 3, 48, 600),
  'imagenet64': _Data('downsampled_imagenet/64x64', 64, 4, 48, 600),
  'galaxy': _Data('', 32, 2, 8, 1000),
  'celeba_hq256': _Data('celeb_a_hq/256', 256, 6, 32, 600),
}

_NUM_TRAIN = {'cifar10': 50_000, 'imagenet64': 1_281_149}


def get_paper_config(
  model: str, data: str, depth: int | None = None
) -> ml_collections.ConfigDict:
  """Returns a configuration with the data set and flow size of the papers.

  Args:
    model: Name of a function of `tfp_cinc.models`.
    data: 'cifar10', 'imagenet32', 'imagenet64', 'galaxy' or 'celeba_hq256'.
    depth: K, the number of steps of each level. None is the usual one of the
      data set.

  Returns:
    The configuration. The batch of all workers is 256 images of 32x32, or the
    same number of pixels for larger images.
  """
  config, about = _get_data_config(model, data), _DATA[data]
  config.flow.levels = about.levels
  config.flow.depth = about.depth if depth is None else depth
  config.flow.hidden_channels = 512
  if config.flow.depth >= 32:
    config.flow.memory = 'checkpoint'
  config.train.batch_size = 256 * 32**2 // about.image_size**2
  config.train.num_steps = -(-about.epochs * _EPOCH // 256)
  return config


def get_glow_config(
  model: str,
  data: str,
  coupling: str = 'affine',
  depth: int | None = None,
  epochs: int | None = None,
) -> ml_collections.ConfigDict:
  """Returns a configuration of the published code of CInC, Emerging or Glow.

  Args:
    model: 'cinc_paper', 'emerging' or 'glow'.
    data: See `get_paper_config`.
    coupling: 'affine' or 'quad'.
    depth: See `get_paper_config`.
    epochs: Number of epochs of 50,000 images. None is the usual number of the
      data set.

  Returns:
    The configuration, for 4 workers.
  """
  config = get_paper_config(model, data, depth)
  config.flow.coupling = coupling
  config.train.optimizer = 'adamax'
  if data == 'cifar10':  # it has 50,000 training images
    config.train.warmup_epochs = 10.0
  else:
    config.train.warmup_steps = -(-10 * _EPOCH // 256)
  if epochs is not None:
    config.train.num_steps = -(-epochs * _EPOCH // 256)
  return config


def get_shift_config(data: str) -> ml_collections.ConfigDict:
  """Returns a configuration of shift convolutions.

  It follows Truong et al. 2019, section 5.

  Args:
    data: See `get_paper_config`.

  Returns:
    The configuration, for 4 workers with a batch of 64 each.
  """
  config = get_paper_config('shift_conv', data)
  config.flow.coupling = 'affine'
  config.flow.split_prior = False
  config.train.optimizer = 'adam'
  config.train.scale_rule = 'per_worker'
  config.train.batch_size = 64
  return config


def get_jet_config(data: str) -> ml_collections.ConfigDict:
  """Returns a configuration of Jet, with the smaller model of its paper.

  It follows Kolesnikov et al. 2024, section 3, and the configuration that its
  authors published. Their weight decay of 1e-5 is not multiplied by the
  learning rate of 3e-4; here it is 1/30 and multiplied. As there, images are
  not mirrored, and the weights are not averaged. The final learning rate is 1%
  of the highest one; there it is 0.

  Args:
    data: 'cifar10' or 'imagenet64'.

  Returns:
    The configuration, for a batch of 1024 over any number of workers.
  """
  config = _get_transformer_config('jet', data, batch_size=1024)
  config.data.flip = False
  config.flow.patch_size = 4
  config.flow.depth = 32
  config.flow.num_layers = 2
  config.flow.hidden_channels = 512
  config.train.learning_rate = 3e-4
  config.train.weight_decay = 1e-5 / 3e-4
  config.train.warmup_steps = config.train.num_steps // 10
  config.train.ema_decay = 0.0
  return config


def get_tarflow_config(data: str) -> ml_collections.ConfigDict:
  """Returns a configuration of TarFlow, for likelihoods.

  It follows Zhai et al. 2024, section 3, with uniform noise within the bins. In
  contrast to the paper, each block has a start token, and its log-scales are
  bounded; see `tfp_cinc.models.tarflow`.

  Args:
    data: 'cifar10' or 'imagenet64'.

  Returns:
    The configuration, for a batch of 256 over any number of workers.
  """
  config = _get_transformer_config('tarflow', data, batch_size=256)
  config.flow.patch_size = 2
  config.flow.depth = 8
  config.flow.num_layers = 8
  config.flow.hidden_channels = 768
  config.train.learning_rate = 1e-4
  config.train.weight_decay = 1e-4
  config.train.warmup_epochs = 1.0
  return config


def _get_transformer_config(model, data, batch_size):
  """Returns what Jet and TarFlow have in common: 200 epochs of AdamW."""
  config = _get_data_config(model, data)
  config.flow.memory = 'checkpoint'
  config.train.batch_size = batch_size
  config.train.num_steps = 200 * _NUM_TRAIN[data] // batch_size
  config.train.schedule = 'cosine'
  config.train.beta_2 = 0.95
  return config


def _get_data_config(model, data):
  """Returns a configuration of the data set, the function and the logs."""
  config, about = get_base_config(), _DATA[data]
  config.data.name = 'tfds' if about.tfds_name else 'folder'
  config.data.tfds_name = about.tfds_name
  config.data.image_size = about.image_size
  config.flow.name = model
  config.train.log_every = 100
  config.train.eval_every = 2000
  config.train.checkpoint_every = 1000
  return config
