"""Training that starts from trained weights instead of initial ones."""

import tfp_cinc

from ..errors import UserError
from .model import Model, saved_arguments

__all__ = ['assign_initial_weights']


def assign_initial_weights(model: Model, config) -> None:
  """Copies the weights of a trained flow into the model of a run.

  Learned noise is copied too, if both the file and the model have some. If only
  the model has, its noise keeps its initial weights.

  Args:
    model: The model, which must have the same arguments as the trained flow.
    config: The whole configuration. Its `train.initial_weights` is what
      `tfp_cinc.models.load` takes.

  Raises:
    UserError: If the file cannot be read, or its flow or its learned noise has
      other arguments.
  """
  name = config.train.initial_weights
  try:
    trained, card = tfp_cinc.models.load(name), tfp_cinc.models.card(name)
    noise = None
    if model.noise is not None and card['noise'] is not None:
      noise = tfp_cinc.models.load_noise(name)
  except ValueError as error:
    raise UserError(f'config.train.initial_weights: {error}') from None
  # As loaded flows are.
  flow = tfp_cinc.with_network_dtype(model.flow, None)
  flow = tfp_cinc.with_memory(flow, 'store')
  if (
    flow.event_shape != trained.event_shape
    or flow.bijector._type_spec != trained.bijector._type_spec
  ):
    found = {
      'name': config.flow.name,
      **saved_arguments(config, model.condition),
      'image shape': model.flow.event_shape.as_list(),
    }
    right = {
      'name': card['model'],
      **card['arguments'],
      'image shape': card['image_shape'],
    }
    raise UserError(
      f'config.train.initial_weights is {name!r}, a flow with '
      f'{_differences(right, found)}; they must be the same.'
    )
  _copy(flow.variables, trained.variables)
  if noise is None:
    return
  if [v.shape for v in model.noise.variables] != [
    v.shape for v in noise.variables
  ]:
    raise UserError(
      f'config.train.initial_weights is {name!r}, whose learned noise has '
      f'{card["noise"]["hidden_channels"]} channels; '
      'config.train.noise_channels must be the same.'
    )
  _copy(model.noise.variables, noise.variables)


def _differences(right, found):
  """Returns what differs between two flows, such as 'depth=8 (here 4)'."""

  def text(values, key):
    return repr(values[key]) if key in values else 'the default'

  differences = [
    f'{key}={text(right, key)} (here {text(found, key)})'
    for key in {**right, **found}
    if right.get(key) != found.get(key)
  ]
  return ', '.join(differences) or 'other layers'


def _copy(variables, others):
  for variable, other in zip(variables, others, strict=True):
    variable.assign(other)
