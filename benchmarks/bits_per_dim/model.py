"""Models that are compared: a flow and how it is trained."""

import dataclasses
import inspect
from collections.abc import Mapping

import ml_collections

from benchmarks.bits_per_dim.protocol import Conditions
from training.configs.loading import load_config
from training.errors import UserError

__all__ = ['KINDS', 'RATES', 'Model']

KINDS = ('ours', 'tfb.Glow', 'normflows Glow')
SOLVERS = ('own', 'per_pixel')
RATES = (3e-2, 1e-2, 3e-3, 1e-3)

# Keys of `config.train` that do not affect the runs of a comparison.
_UNUSED = (
  'learning_rate',
  'num_steps',
  'max_minutes',
  'initial_weights',
  'scale_rule',
  'compress_gradients',
  'label_dropout',
  'log_every',
  'eval_every',
  'checkpoint_every',
  'keep_checkpoints',
  'commit_every',
)

# Keys of `config.data` that say where the images are, not which they are.
_WHERE = ('name', 'dir', 'tfds_name', 'download', 'cache_mb', 'cache_dir')


@dataclasses.dataclass(frozen=True)
class Model:
  """A row of a comparison.

  Attributes:
    name: Name in tables. Models that differ only in their name share their
      records.
    config: Name of a file in `training/configs`, which sets the flow and the
      training. For flows of other libraries it sets L, D and the training.
    options: Overrides of the configuration by dotted name, such as
      {'flow.coupling': 'quad', 'train.ema_decay': 0.0}.
    kind: 'ours'; 'tfb.Glow', with its default networks; or 'normflows Glow', in
      PyTorch, whose networks are trained in the 'flow.network_dtype' of the
      configuration by autocast.
    rates: Learning rates to choose from.
    solver: 'own', or 'per_pixel' to invert causal convolutions with a compiled
      loop over pixels.
  """

  name: str
  config: str = 'cinc_photos'
  options: Mapping[str, object] = dataclasses.field(default_factory=dict)
  kind: str = 'ours'
  rates: tuple[float, ...] = RATES
  solver: str = 'own'

  def __post_init__(self):
    for field, choices in (('kind', KINDS), ('solver', SOLVERS)):
      if getattr(self, field) not in choices:
        raise ValueError(
          f'`{field}` of {self.name!r} is {getattr(self, field)!r}; it must be '
          f'one of {choices}.'
        )

  def full_config(self, conditions: Conditions) -> ml_collections.ConfigDict:
    """Returns the full configuration under some conditions.

    Args:
      conditions: Conditions, which set the data and the batch size.

    Returns:
      The configuration. This model's options override all other values.

    Raises:
      UserError: If the configuration has no such option.
    """
    config = load_config(self.config)
    known = config.to_dict()
    # What a flow does not have, such as levels, the data do not set.
    of_data = {
      key: value
      for key, value in conditions.data.options().items()
      if not key.startswith('flow.')
      or known['flow'].get(key.removeprefix('flow.')) is not None
    }
    for key, value in {**of_data, **self.options}.items():
      part, _, name = key.partition('.')
      if part not in known or name not in known[part]:
        raise UserError(
          f'the model {self.name!r} has the option {key!r}, which is not in '
          'training/configs/options.py.'
        )
      config[part][name] = value
    config.train.batch_size = conditions.batch_size
    return config

  def facts(self, conditions: Conditions) -> dict:
    """Returns everything that a result depends on, except the model's name.

    Args:
      conditions: Conditions, as for `full_config`.

    Returns:
      A dict that can be written as JSON. It includes the default arguments of
      the flow's function, so that a new default gives a new fingerprint.
    """
    config = self.full_config(conditions).to_dict()
    # None leaves an option to the flow's function. Adding such an option to the
    # configuration must not change the fingerprint.
    config['flow'] = {k: v for k, v in config['flow'].items() if v is not None}
    # Runs of a comparison ignore these or set them from the conditions.
    del config['eval'], config['seed'], config['smoke']
    config['data'] = {
      key: value for key, value in config['data'].items() if key not in _WHERE
    }
    train = config['train']
    used = (
      set(train) - set(_UNUSED)
      if conditions.steps
      else {'init_images', 'deterministic'}
    )
    if train['dequantization'] != 'variational':
      used -= {'noise_channels'}
    if train['dequantization'] != 'gaussian':
      used -= {'noise_scale'}
    config['train'] = {key: train[key] for key in used}
    found = {'kind': self.kind, 'solver': self.solver, 'config': config}
    if self.kind == 'ours':
      from tfp_cinc import models

      function = getattr(models, config['flow']['name'])
      found['defaults'] = {
        parameter.name: repr(parameter.default)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is not parameter.empty
      }
    return found
