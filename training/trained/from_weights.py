"""The flow of a file of weights, such as those of the package."""

import pathlib

import tfp_cinc
from tfp_cinc.latents import latent_levels, weights_digest
from tfp_cinc.saved_model.condition_input import ConditionInput

from ..data.condition import Condition
from ..data.facts import DataFacts
from ..errors import UserError
from .flow_source import FlowSource
from .functions import flow_functions

__all__ = ['from_weights']


def from_weights(name) -> FlowSource:
  """Returns the flow of a file that `tfp_cinc.models.load` reads.

  Args:
    name: Path of the file, or the name of a flow of the package.

  Returns:
    `FlowSource`.

  Raises:
    UserError: If the file is damaged or of a newer format.
  """
  try:
    card = tfp_cinc.models.card(name)
    flow = tfp_cinc.models.load(name)
    noise = None
    if card['noise'] is not None:
      noise = tfp_cinc.models.load_noise(name)
    data = DataFacts.from_json(
      card.get('facts')
      or {
        'name': card.get('data') or 'unnamed data',
        'image_shape': card['image_shape'],
      }
    )
  except (KeyError, TypeError, ValueError) as error:
    raise UserError(f'{name} is no file of a trained flow: {error}') from None
  condition, num_bits = None, card['num_bits']
  if card.get('condition') is not None:
    given = ConditionInput.from_json(card['condition'])
    condition = Condition(given, data.image_shape, num_bits, data.label_names)
  noise_scale = card.get('noise_scale', 0.0)
  return FlowSource(
    functions=flow_functions(
      flow,
      num_bits,
      noise=noise,
      condition=None if condition is None else condition.input,
      noise_scale=noise_scale,
    ),
    data=data,
    num_bits=num_bits,
    latent_levels=latent_levels(flow),
    read_directions=lambda: None,
    config=None,
    folder=pathlib.Path(),
    weights=weights_digest(flow),
    condition=condition,
    noise_scale=noise_scale,
  )
