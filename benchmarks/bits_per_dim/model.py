"""What is compared: a flow, and how it is trained."""

import dataclasses
import importlib
import inspect
from collections.abc import Mapping

import ml_collections

from benchmarks.bits_per_dim.protocol import Conditions
from training.errors import UserError

__all__ = ['KINDS', 'RATES', 'Model']

KINDS = ('ours', 'tfb.Glow', 'normflows Glow')
SOLVERS = ('own', 'per_pixel')
RATES = (1e-2, 3e-3, 1e-3)

# Of `config.train`, what the runs of a comparison do not depend on.
_UNUSED = (
  'learning_rate',
  'num_steps',
  'max_minutes',
  'scale_rule',
  'compress_gradients',
  'log_every',
  'eval_every',
  'checkpoint_every',
  'keep_checkpoints',
  'commit_every',
)

# What a data set asks of configurations that are made for the photographs.
_DATA = {
  'photos': {},
  'digits': {
    'data.name': 'digits',
    'data.image_size': 16,
    'data.flip': False,
    'flow.levels': 2,
    'flow.hidden_channels': 64,
  },
}


@dataclasses.dataclass(frozen=True)
class Model:
  """A row of a comparison.

  Attributes:
    name: what tables call it. Models of other names and the same rest share
      their records.
    config: a file of `training/configs`: the flow and how it is trained. Of a
      peer's flow it gives L, D and the training.
    options: values of the configuration to replace, by their dotted name, such
      as {'flow.coupling': 'quad', 'train.ema_decay': 0.0}.
    kind: 'ours'; 'tfb.Glow' with its default networks; or 'normflows Glow', in
      PyTorch, its networks in bfloat16 by autocast while it trains.
    rates: the learning rates to choose among.
    solver: 'own', or 'per_pixel' for the inverses of causal convolutions by a
      compiled loop over pixels.
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
    """The whole configuration under some conditions.

    Args:
      conditions: whose data and batch size it has.

    Returns:
      The configuration, with this model's options over all else.

    Raises:
      UserError: if an option is none of a configuration's.
    """
    module = importlib.import_module(f'training.configs.{self.config}')
    config = module.get_config()
    values = _DATA.get(conditions.data)
    if values is None:
      values = {
        'data.name': 'tfds',
        'data.tfds_name': conditions.data,
        'data.dir': conditions.data_dir,
      }
    known = config.to_dict()
    for key, value in {**values, **self.options}.items():
      part, _, name = key.partition('.')
      if part not in known or name not in known[part]:
        raise UserError(
          f'the model {self.name!r} has the option {key!r}, which '
          'training/configs/base.py does not have.'
        )
      config[part][name] = value
    config.train.batch_size = conditions.batch_size
    return config

  def facts(self, conditions: Conditions) -> dict:
    """All that a result depends on, but for the name: for a fingerprint.

    Args:
      conditions: as for `full_config`.

    Returns:
      A dict that JSON can hold: with the defaults of the flow's function too,
      so that another default preset is another model.
    """
    config = self.full_config(conditions).to_dict()
    # Without what is left to the flow's function: another such option is no
    # other model.
    config['flow'] = {k: v for k, v in config['flow'].items() if v is not None}
    # Without what a run here takes from its conditions, or does not do at all.
    del config['eval'], config['seed'], config['smoke']
    train = config['train']
    used = (
      set(train) - set(_UNUSED)
      if conditions.trains
      else {'init_images', 'deterministic'}
    )
    if train['dequantization'] == 'uniform':
      used -= {'noise_channels'}
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
