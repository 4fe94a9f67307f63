"""Training that starts from trained weights instead of initial ones."""

import tfp_cinc

from ..errors import UserError
from .model import Model

__all__ = ['assign_initial_weights']


def assign_initial_weights(model: Model, name: str) -> None:
  """Copies the weights of a trained flow into the model of a run.

  Learned noise is copied too, if both the file and the model have some. If only
  the model has, its noise keeps its initial weights.

  Args:
    model: The model, which must have the same arguments as the trained flow.
    name: See `tfp_cinc.models.load`.

  Raises:
    UserError: If the file cannot be read, or its flow or its learned noise has
      other arguments.
  """
  try:
    trained, card = tfp_cinc.models.load(name), tfp_cinc.models.card(name)
    noise = None
    if model.noise is not None and card['noise'] is not None:
      noise = tfp_cinc.models.load_noise(name)
  except ValueError as error:
    raise UserError(f'config.train.initial_weights: {error}') from None
  # Loaded flows compute in float32 and store all activations; neither matters
  # to the weights.
  flow = tfp_cinc.with_network_dtype(model.flow, None)
  flow = tfp_cinc.with_memory(flow, 'store')
  if (
    flow.event_shape != trained.event_shape
    or flow.bijector._type_spec != trained.bijector._type_spec
  ):
    arguments = ', '.join(f'{k}={v!r}' for k, v in card['arguments'].items())
    raise UserError(
      f'config.train.initial_weights is {name!r}, a flow '
      f'{card["model"]}({arguments}) of images of shape '
      f'{card["image_shape"]}; config.flow must have the same arguments, and '
      f'the images the same shape, not {model.flow.event_shape.as_list()}.'
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


def _copy(variables, others):
  for variable, other in zip(variables, others, strict=True):
    variable.assign(other)
