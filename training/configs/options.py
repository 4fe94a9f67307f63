"""Every value of a configuration, in one table.

The default configuration, the checks of all values, `tfp-cinc train --help` and
the page docs/configuration.md are made from this table, which makes the module
longer than 300 lines.
"""

import dataclasses
import math

import ml_collections
from ml_collections import config_dict

from ..errors import UserError, did_you_mean

__all__ = [
  'OPTIONS',
  'Option',
  'check_section',
  'check_values',
  'default_config',
]

# Upper limits, well above what is useful, so that a slip of the keyboard gets
# an answer instead of minutes of work.
_IMAGES = 2**20  # images of a step or an evaluation
_STEPS = 10**9


@dataclasses.dataclass(frozen=True)
class Option:
  """One value of a configuration.

  Attributes:
    key: Section and name, for example 'train.num_steps'.
    type: int, float, bool or str.
    default: The default value. None leaves the choice to the flow.
    help: Description, without a final period.
    resumable: Whether a run may be resumed with another value.
    at_least: Smallest valid value.
    more_than: Value that a valid value must exceed.
    at_most: Largest valid value.
    less_than: Value that a valid value must not reach.
    choices: All valid values; empty if there are too many to list.
  """

  key: str
  type: type
  default: int | float | bool | str | None
  help: str
  resumable: bool = False
  at_least: float | None = None
  more_than: float | None = None
  at_most: float | None = None
  less_than: float | None = None
  choices: tuple[str, ...] = ()

  @property
  def bounds(self) -> str:
    """The valid range, for example 'at least 0 and less than 1', or ''."""
    parts = [
      f'{words} {bound:,}'
      for words, bound in (
        ('at least', self.at_least),
        ('more than', self.more_than),
        ('at most', self.at_most),
        ('less than', self.less_than),
      )
      if bound is not None
    ]
    return ' and '.join(parts)

  def parse(self, text: str) -> int | float | bool | str:
    """Returns the value that a command line gives.

    Args:
      text: The text, for example '1e-3' or 'True'.

    Returns:
      The value, of the type of the option.

    Raises:
      UserError: If the text is no such value or the value is out of range.
    """
    words = {
      int: 'a whole number',
      float: 'a number, with a decimal point if it is not whole',
      bool: 'True or False',
    }
    try:
      if self.type is bool:
        value = {'true': True, 'false': False}[text.strip().lower()]
      else:
        value = self.type(text)
    except (KeyError, ValueError):
      raise UserError(
        f'config.{self.key} is {text!r}; it must be {words[self.type]}.'
      ) from None
    self.check(value)
    return value

  def check(self, value) -> None:
    """Raises `UserError` if a value is out of range.

    Args:
      value: A value of the type of the option, or None if that is the default.

    Raises:
      UserError: With one sentence that names the key, the value and the range.
    """
    if value is None and self.default is None:
      return
    # In a file of a user or in config.json a value may have any type.
    kinds = (int, float) if self.type is float else self.type
    if not isinstance(value, kinds) or isinstance(value, bool) != (
      self.type is bool
    ):
      raise UserError(
        f'config.{self.key} is {" ".join(repr(value).split())}; it must be of '
        f'type {self.type.__name__}.'
      )
    if self.choices and value not in self.choices:
      raise UserError(
        f'config.{self.key} is {value!r}; it must be one of '
        f'{list(self.choices)}{did_you_mean(value, self.choices)}.'
      )
    # Written so that NaN fails.
    if not (
      (self.at_least is None or value >= self.at_least)
      and (self.more_than is None or value > self.more_than)
      and (self.at_most is None or value <= self.at_most)
      and (self.less_than is None or value < self.less_than)
      and (self.type is not float or math.isfinite(value))
    ):
      bounds = self.bounds
      if not math.isfinite(value):
        bounds = ' that is '.join(filter(None, ['a finite number', bounds]))
      raise UserError(f'config.{self.key} is {value}; it must be {bounds}.')


def _flow(name, kind, words, resumable=False, **limits):
  """Returns an option of the flow, whose default is that of its function."""
  return Option(f'flow.{name}', kind, None, words, resumable, **limits)


def _count(key, default, words, resumable=True, at_most=_STEPS):
  """Returns an option that is a positive number of something."""
  return Option(
    key, int, default, words, resumable, at_least=1, at_most=at_most
  )


_ALL = (
  Option(
    'seed',
    int,
    0,
    'Seed of the initial weights, of the order of the data, and of the noise',
    at_least=0,
    less_than=2**31,
  ),
  Option(
    'smoke',
    bool,
    False,
    'Run only two small steps on random images, to try a configuration',
  ),
  # The data.
  Option(
    'data.name',
    str,
    'photos',
    'Data set: the photographs and the digits of scikit-learn, a folder of '
    'image files, .npy or .npz arrays, a data set of TensorFlow Datasets, or '
    'random images',
    choices=('photos', 'digits', 'folder', 'arrays', 'tfds', 'made_up'),
  ),
  _count(
    'data.image_size', 32, 'Height and width in pixels', False, at_most=1024
  ),
  Option(
    'data.num_bits',
    int,
    8,
    'Bits per channel; fewer than 8 drop the lower bits',
    at_least=1,
    at_most=8,
  ),
  Option(
    'data.channels',
    int,
    3,
    'Channels of the images of a folder: 3 for color, 1 for gray',
    at_least=1,
    at_most=1024,
  ),
  Option('data.flip', bool, True, 'Mirror training images at random'),
  Option(
    'data.crop',
    int,
    0,
    'Shift training images at random by up to this number of pixels',
    at_least=0,
    at_most=1023,
  ),
  Option(
    'data.dir',
    str,
    '',
    'Folder of the images; file or folder of the arrays; data_dir of '
    'TensorFlow Datasets. May change if the images are the same',
    True,
  ),
  Option(
    'data.tfds_name',
    str,
    '',
    'TensorFlow data set: name, name/config or name/config:version, such as '
    'cifar10',
  ),
  Option(
    'data.download',
    bool,
    False,
    'Download and prepare the TensorFlow data set if it is missing',
  ),
  Option(
    'data.low_resolution_factor',
    int,
    2,
    'Height and width in pixels of the blocks that are averaged if '
    'flow.condition is low_resolution',
    at_least=2,
    at_most=256,
  ),
  Option(
    'data.test_fraction',
    float,
    0.1,
    'Fraction of the images held out for testing, if there is no test split',
    more_than=0,
    less_than=1,
  ),
  Option(
    'data.cache_mb',
    int,
    2048,
    'MiB of decoded training images that each worker keeps in memory',
    True,
    at_least=0,
    at_most=_STEPS,
  ),
  Option(
    'data.cache_dir',
    str,
    '',
    'Folder for a file of decoded images, if they exceed cache_mb; empty: '
    'decode them at each use',
    True,
  ),
  # The flow.
  Option('flow.name', str, 'cinc', 'Function of tfp_cinc.models'),
  Option(
    'flow.condition',
    str,
    '',
    'Condition of a conditional flow: the label of an image, the image at low '
    'resolution, or the image outside a random rectangle. Empty: no condition',
    choices=('', 'label', 'low_resolution', 'mask'),
  ),
  _flow(
    'layers',
    str,
    "Layers of a step before its coupling, such as 'one_by_one+cinc'; with a "
    "condition also 'injector', which helps given a map",
  ),
  _flow('levels', int, 'Number of levels', at_least=1, at_most=10),
  _flow(
    'depth', int, 'Number of steps of each level', at_least=1, at_most=1000
  ),
  _flow('coupling', str, 'Coupling function, such as affine or quad'),
  _flow(
    'coupling_blocks', int, 'Blocks of a coupling', at_least=2, at_most=1024
  ),
  _flow('scale_function', str, 'Function that bounds the scale of a coupling'),
  _flow('network', str, 'Network of the couplings'),
  _flow(
    'hidden_channels',
    int,
    'Channels of the networks',
    at_least=1,
    at_most=16384,
  ),
  _flow(
    'num_layers',
    int,
    'Number of layers of each transformer',
    at_least=1,
    at_most=1000,
  ),
  _flow(
    'num_heads',
    int,
    'Number of heads of each transformer; by default hidden_channels // 64',
    at_least=1,
    at_most=16384,
  ),
  _flow(
    'patch_size',
    int,
    'Height and width of a patch, the token of a transformer',
    at_least=1,
    at_most=1024,
  ),
  _flow(
    'solver',
    str,
    'How an autoregressive transformer samples: pixel by pixel with a cache, '
    'or all pixels at once, repeatedly',
    True,
    choices=('cache', 'jacobi'),
  ),
  _flow(
    'kernel_size',
    int,
    'k of the k x k convolutions',
    at_least=1,
    at_most=101,
  ),
  _flow('padding', str, 'Padding of the causal convolutions'),
  _flow(
    'dilation',
    int,
    'Dilation of the k x k convolutions',
    at_least=1,
    at_most=1024,
  ),
  _flow('use_bias', bool, 'Whether the k x k convolutions have a bias'),
  _flow('diagonal_block', str, 'Parametrization of the diagonal block'),
  _flow('parametrization', str, 'Parametrization of the 1x1 convolutions'),
  _flow(
    'checkerboards',
    int,
    'Number of checkerboard couplings',
    at_least=0,
    at_most=1000,
  ),
  _flow('split_prior', bool, 'Whether the prior of a level is learned'),
  _flow(
    'conditional_base',
    bool,
    'Whether mean and scale of the latents of the last level depend on the '
    'condition',
  ),
  _flow(
    'memory',
    str,
    'Activations to keep for the gradient: all, the input of each step, or '
    'only the output',
    True,
    choices=('store', 'checkpoint', 'reversible'),
  ),
  _flow(
    'network_dtype',
    str,
    'Dtype of the networks in training and sampling, such as bfloat16; auto: '
    'bfloat16 if the processor multiplies it natively. Evaluation uses float32',
    True,
  ),
  # Training.
  _count('train.num_steps', 2000, 'Number of steps of the run'),
  Option(
    'train.max_minutes',
    float,
    0.0,
    'Limit of the training time, over all sessions of a run; 0: no limit',
    True,
    at_least=0,
    at_most=_STEPS,
  ),
  _count(
    'train.batch_size',
    64,
    'Images per step, over all workers; see scale_rule',
    at_most=_IMAGES,
  ),
  Option(
    'train.scale_rule',
    str,
    'global',
    'global: batch_size is that of all workers together; per_worker: it is '
    'that of each worker, and the learning rate grows with the number of '
    'workers',
    choices=('global', 'per_worker'),
  ),
  _count('train.accumulate', 1, 'Gradient accumulation steps', at_most=_IMAGES),
  Option(
    'train.optimizer',
    str,
    'adam',
    'Optimizer; muon uses Muon for the kernels of networks and Adam for all '
    'other weights',
    choices=('adam', 'adamax', 'muon'),
  ),
  Option(
    'train.beta_2',
    float,
    0.999,
    'Decay of the second moments of Adam and Adamax',
    at_least=0,
    less_than=1,
  ),
  Option(
    'train.weight_decay',
    float,
    0.0,
    'Decay of all weights at each step, times the learning rate, as in AdamW; '
    'for adam and muon',
    True,
    at_least=0,
    at_most=_STEPS,
  ),
  Option(
    'train.learning_rate',
    float,
    1e-3,
    'Learning rate',
    True,
    more_than=0,
    at_most=_STEPS,
  ),
  Option(
    'train.schedule',
    str,
    'constant',
    'Learning rate schedule after the warm-up',
    choices=('constant', 'cosine'),
  ),
  Option(
    'train.warmup_steps',
    int,
    50,
    'Number of steps of the linear warm-up',
    at_least=0,
    at_most=_STEPS,
  ),
  Option(
    'train.warmup_epochs',
    float,
    0.0,
    'Epochs of the linear warm-up; 0: warmup_steps',
    at_least=0,
    at_most=_STEPS,
  ),
  Option(
    'train.clip_norm',
    float,
    1.0,
    'Largest norm of the gradient; 0: no clipping',
    True,
    at_least=0,
    at_most=_STEPS,
  ),
  Option(
    'train.ema_decay',
    float,
    0.999,
    'Decay of the moving average of the weights; 0: no average',
    at_least=0,
    less_than=1,
  ),
  Option(
    'train.dequantization',
    str,
    'uniform',
    'Noise of training images: uniform within the bin of each pixel, learned '
    'within it (variational), or gaussian, which is removed from samples',
    choices=('uniform', 'variational', 'gaussian'),
  ),
  Option(
    'train.noise_scale',
    float,
    0.025,
    'Standard deviation of gaussian noise, for pixels in [-0.5, 0.5]',
    more_than=0,
    at_most=1,
  ),
  _count(
    'train.noise_channels',
    16,
    'Channels of the networks of the noise',
    False,
    at_most=16384,
  ),
  Option(
    'train.label_dropout',
    float,
    0.1,
    'Probability of training an image without its label if flow.condition is '
    'label, which guided sampling needs',
    at_least=0,
    less_than=1,
  ),
  Option(
    'train.compress_gradients',
    bool,
    False,
    'Exchange gradients between workers as float16',
  ),
  Option(
    'train.initial_weights',
    str,
    '',
    'Trained weights to start from instead of the initialization from data: a '
    'flow of the package, or a .npz file of `tfp-cinc export`; its arguments '
    'must be those of config.flow',
  ),
  _count(
    'train.init_images',
    256,
    'Images for the data-dependent initialization',
    False,
    at_most=_IMAGES,
  ),
  _count(
    'train.max_skipped',
    10,
    'Consecutive steps without a finite loss after which a run stops',
  ),
  _count('train.log_every', 20, 'Steps between two logs'),
  _count('train.eval_every', 500, 'Steps between two evaluations'),
  _count('train.checkpoint_every', 200, 'Steps between two checkpoints'),
  _count('train.keep_checkpoints', 3, 'Number of checkpoints to keep'),
  _count(
    'train.commit_every',
    10,
    'Steps between two commits of an elastic run, which returns to the last '
    'commit when it loses a worker',
  ),
  Option(
    'train.deterministic',
    bool,
    True,
    'Compute the same bits at each run on the same machine',
  ),
  # Evaluation.
  _count('eval.batch_size', 64, 'Images per batch', at_most=_IMAGES),
  _count(
    'eval.num_images',
    512,
    'Test images for evaluations during training; the final one uses all',
    False,
  ),
  _count(
    'eval.num_classified',
    512,
    'Test images that are classified if flow.condition is label, at the cost '
    'of one density per class',
    False,
  ),
  _count(
    'eval.noise_draws',
    8,
    'Noise draws per image of the final evaluation',
    at_most=_IMAGES,
  ),
)

OPTIONS = {option.key: option for option in _ALL}


def default_config() -> ml_collections.ConfigDict:
  """Returns the configuration of all default values."""
  config = ml_collections.ConfigDict()
  for option in _ALL:
    section, _, name = option.key.rpartition('.')
    if section and section not in config:
      config[section] = ml_collections.ConfigDict()
    values = config[section] if section else config
    values[name] = (
      config_dict.placeholder(option.type)
      if option.default is None
      else option.default
    )
  return config


def check_values(config: ml_collections.ConfigDict) -> None:
  """Raises `UserError` if a value of a configuration is out of range.

  Args:
    config: The whole configuration. It may have further values.

  Raises:
    UserError: With one sentence that names the key, the value and the range.
  """
  for section in dict.fromkeys(key.rpartition('.')[0] for key in OPTIONS):
    values = config.get(section) if section else config
    if not isinstance(values, ml_collections.ConfigDict):
      raise UserError(
        f'the configuration has no section {section!r}; start from '
        'get_base_config().'
      )
    check_section(section, values)


def check_section(section: str, values: ml_collections.ConfigDict) -> None:
  """Raises `UserError` if a value of a section is out of range.

  Args:
    section: Name of the section, such as 'data'.
    values: The values of the section.

  Raises:
    UserError: As `check_values`.
  """
  for key, option in OPTIONS.items():
    if key.rpartition('.')[0] == section:
      name = key.rpartition('.')[2]
      if name not in values:
        raise UserError(
          f'config.{key} is missing; add it to the configuration.'
        )
      option.check(values[name])
  if section == 'data' and values.crop >= values.image_size:
    raise UserError(
      f'config.data.crop is {values.crop}; it must be less than '
      f'config.data.image_size, {values.image_size}.'
    )
