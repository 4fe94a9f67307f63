"""The flow of a SavedModel."""

import pathlib
import zipfile

import numpy as np
import tensorflow as tf

from tfp_cinc.saved_model.condition_input import ConditionInput
from tfp_cinc.saved_model.model_card import read_model_card

from ..data.condition import Condition
from ..data.facts import DataFacts
from ..errors import UserError
from ..run_folder.config_file import read_config, read_data_facts
from ..run_folder.directions import DIRECTIONS, read_directions
from .flow_source import FUNCTIONS, OPTIONAL, FlowSource

__all__ = ['from_saved_model']


def from_saved_model(path: pathlib.Path) -> FlowSource:
  """Returns the flow of a SavedModel of `tfp_cinc.export_saved_model`.

  Args:
    path: Folder of the SavedModel.

  Returns:
    `FlowSource`.

  Raises:
    UserError: If it belongs to another project or version, or if a file was
      damaged or changed after the export.
  """
  try:
    card = read_model_card(path)
  except ValueError as error:
    sentence = str(error).removesuffix('.')
    raise UserError(
      f'{sentence}; export the run again by `tfp-cinc export RUN`.'
    ) from None
  try:
    model = tf.saved_model.load(str(path))
  except Exception as error:  # TensorFlow raises many kinds
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    raise UserError(
      f'{path} cannot be loaded as a SavedModel: {reason}'
    ) from None
  missing = [name for name in FUNCTIONS if name not in model.signatures]
  if missing:
    raise UserError(
      f'{path} lacks the signature {missing[0]!r}, which is needed here; '
      'export it again by `tfp-cinc export RUN`.'
    )
  latents = model.signatures['decode'].structured_input_signature[1]['latents']
  if latents.dtype != tf.float32:
    raise UserError(
      f'{path} is a flow in {latents.dtype.name}; these commands need a flow '
      'in float32.'
    )
  extra = path / 'assets.extra'
  image_shape = tuple(card['image_shape'])
  name = str(card.get('data') or 'unnamed data')
  config, names = None, None
  if (extra / 'config.json').exists():
    config = read_config(extra)
    names = (read_data_facts(extra) or {}).get('label_names')
  directions, weights = extra / DIRECTIONS, card.get('weights')
  return FlowSource(
    functions=_functions(model),
    data=DataFacts(name, image_shape, None if names is None else tuple(names)),
    num_bits=card['num_bits'],
    latent_levels=_read_levels(extra / 'latents.npz', image_shape),
    read_directions=lambda: (
      read_directions(directions, image_shape, weights)
      if directions.exists()
      else None
    ),
    config=config,
    folder=pathlib.Path(),
    weights=weights,
    condition=_condition(card),
    noise_scale=card.get('noise_scale', 0.0),
  )


def _condition(card):
  """Returns the `Condition` of a model card, or None."""
  if card.get('condition') is None:
    return None
  found = ConditionInput.from_json(card['condition'])
  return Condition(
    found, tuple(card['image_shape']), card['num_bits'], found.names
  )


def _functions(model):
  """Returns the functions of a model, which keep it alive."""

  def function(name):
    return lambda **inputs: model.signatures[name](**inputs)

  names = [name for name in OPTIONAL if name in model.signatures]
  return {name: function(name) for name in (*FUNCTIONS, *names)}


def _read_levels(path, image_shape):
  """Returns int32 [H*W*C], the level of each latent."""
  try:
    with np.load(path) as content:
      levels = content['levels']
  except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
    raise UserError(
      f'{path}, a part of the SavedModel, cannot be read: {error}'
    ) from None
  size = int(np.prod(image_shape))
  if (
    levels.shape != (size,)
    or not np.issubdtype(levels.dtype, np.integer)
    or np.min(levels) < 0
  ):
    raise UserError(
      f'{path} holds levels {levels.dtype.name} {list(levels.shape)}; they '
      f'must be {size} integers from 0, one for each latent.'
    )
  return levels.astype(np.int32)
