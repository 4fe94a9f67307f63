"""The flow of a SavedModel."""

import json
import pathlib
import zipfile

import numpy as np
import tensorflow as tf

from ..data.facts import DataFacts
from ..errors import UserError
from ..run_folder.config_file import read_config, read_data_facts
from ..run_folder.directions import DIRECTIONS, read_directions
from .flow_source import FUNCTIONS, FlowSource

__all__ = ['from_saved_model']

_FORMAT, _VERSION = 'tfp_cinc', 1
_NOISE = 'learned_noise'  # signature of models whose noise is learned


def from_saved_model(path: pathlib.Path) -> FlowSource:
  """Returns the flow of a SavedModel of `tfp_cinc.export_saved_model`.

  Args:
    path: Folder of the SavedModel.

  Returns:
    `FlowSource`.

  Raises:
    UserError: If it belongs to another project or version, or is damaged.
  """
  card = _read_card(path)
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
  [latents] = model.signatures['decode'].structured_input_signature[1].values()
  if latents.dtype != tf.float32:
    raise UserError(
      f'{path} is a flow in {latents.dtype.name}; these commands need a flow '
      'in float32.'
    )
  extra = path / 'assets.extra'
  try:
    with np.load(extra / 'latents.npz') as content:
      levels = content['levels']
  except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
    raise UserError(
      f'{extra / "latents.npz"}, a part of the SavedModel, cannot be read: '
      f'{error}'
    ) from None
  image_shape = tuple(map(int, card['image_shape']))
  name = str(card.get('data') or 'unnamed data')
  config, names = None, None
  if (extra / 'config.json').exists():
    config = read_config(extra)
    names = (read_data_facts(extra) or {}).get('label_names')
  directions = extra / DIRECTIONS
  return FlowSource(
    functions=_Signatures(model),
    data=DataFacts(name, image_shape, None if names is None else tuple(names)),
    num_bits=int(card['num_bits']),
    latent_levels=np.asarray(levels, np.int32),
    read_directions=lambda: (
      read_directions(directions, image_shape) if directions.exists() else None
    ),
    config=config,
    folder=pathlib.Path(),
    move=_exported_move(model) if _NOISE in model.signatures else None,
  )


def _read_card(path):
  card = path / 'model_card.json'
  foreign = (
    f'{path} is a SavedModel without a {card.name} of tfp_cinc: it belongs to '
    'another project or an older version; export the run again by `tfp-cinc '
    'export RUN`.'
  )
  try:
    content = json.loads(card.read_text())
    kind, version = content['format'], content['format_version']
    shape, _ = list(map(int, content['image_shape'])), int(content['num_bits'])
  except (OSError, ValueError, KeyError, TypeError):
    raise UserError(foreign) from None
  if kind != _FORMAT or len(shape) != 3:
    raise UserError(foreign)
  if version != _VERSION:
    raise UserError(
      f'{path} has version {version} of the format, written by tfp_cinc '
      f'{content.get("tfp_cinc_version")}; this version reads {_VERSION}.'
    )
  return content


class _Signatures:
  """The signatures of a model, which they keep alive."""

  def __init__(self, model):
    self._model = model

  def __getitem__(self, name):
    return self._model.signatures[name]


def _exported_move(model):
  """Returns `FlowWithNoise.move` of a SavedModel."""

  def move(values):
    answer = model.signatures[_NOISE](values=values)
    return answer['values'], answer['log_q']

  return move
