"""model_card.json of a SavedModel: its description and its checksums."""

import hashlib
import json
import math
import os
import pathlib
from typing import Any, TypeGuard

from tfp_cinc.saved_model.condition_input import ConditionInput

__all__ = ['FORMAT', 'FORMAT_VERSION', 'read_model_card', 'write_model_card']

FORMAT, FORMAT_VERSION = 'tfp_cinc', 3
_FIRST_VERSION = 1  # without checksums; 3 added `condition`
_NAME = 'model_card.json'


def write_model_card(folder: str | os.PathLike, card: dict) -> None:
  """Writes the model card of a folder, with checksums of all its files.

  Args:
    folder: Folder of the SavedModel, with all other files.
    card: Entries of the card, as JSON values. `files` and `sha256` are added.

  Raises:
    OSError: If the disk is full or writing fails.
    ValueError: If `card` is not valid in JSON.
  """
  folder = pathlib.Path(folder)
  path = folder / _NAME
  path.unlink(missing_ok=True)
  files = sorted(x for x in folder.rglob('*') if x.is_file())
  sums = {x.relative_to(folder).as_posix(): _sha256(x) for x in files}
  # As the reader of the file will see it, with lists for tuples.
  card = json.loads(json.dumps({**card, 'files': sums}, allow_nan=False))
  card['sha256'] = _sum(card)
  path.write_text(json.dumps(card, indent=2, sort_keys=True) + '\n')


def read_model_card(folder: str | os.PathLike) -> dict:
  """Reads the model card of a folder and checks the files that it lists.

  Args:
    folder: Folder of a SavedModel that `export_saved_model` wrote. Files that
      were added later are not checked.

  Returns:
    The entries of the card.

  Raises:
    ValueError: If the folder is not such a SavedModel, if it is of another
      version, or if a file was damaged, changed or removed.
  """
  folder = pathlib.Path(folder)
  path = folder / _NAME
  try:
    card = json.loads(path.read_text())
  except FileNotFoundError:
    card = None
  except OSError as error:
    raise ValueError(f'{path} cannot be read: {error.strerror}.') from None
  except ValueError as error:
    raise ValueError(
      f'{path} is not valid JSON: {error}; it was damaged or changed after the '
      'export.'
    ) from None
  if not isinstance(card, dict) or card.get('format') != FORMAT:
    raise ValueError(
      f'{folder} has no {_NAME} of tfp_cinc: it belongs to another project or '
      'an older version.'
    )
  version = card.get('format_version')
  if not _is_integer(version, _FIRST_VERSION, FORMAT_VERSION):
    raise ValueError(
      f'{path} has the `format_version` {version!r}, written by tfp_cinc '
      f'{card.get("tfp_cinc_version")}; this version reads {_FIRST_VERSION} to '
      f'{FORMAT_VERSION}.'
    )
  _check_values(card, path)
  if version > _FIRST_VERSION or card.keys() & {'sha256', 'files'}:
    _check_sums(card, folder)
  return card


def _check_values(card, path):
  """Raises `ValueError` if an entry has another type or range."""
  shape, num_bits = card.get('image_shape'), card.get('num_bits')
  if not (
    isinstance(shape, list)
    and len(shape) == 3
    and all(_is_integer(size, 1, math.inf) for size in shape)
  ):
    raise ValueError(
      f'{path} has the `image_shape` {shape!r}; it must be [H, W, C], three '
      'positive integers.'
    )
  if not _is_integer(num_bits, 1, 8):
    raise ValueError(
      f'{path} has the `num_bits` {num_bits!r}; it must be an integer from 1 '
      'to 8.'
    )
  noise_scale = card.get('noise_scale', 0.0)
  if not (isinstance(noise_scale, int | float) and noise_scale >= 0):
    raise ValueError(
      f'{path} has the `noise_scale` {noise_scale!r}; it must be a number of '
      'at least 0.'
    )
  condition = card.get('condition')
  try:
    if condition is not None:
      ConditionInput.from_json(condition)
  except (AttributeError, KeyError, TypeError, ValueError):
    raise ValueError(
      f'{path} has the `condition` {condition!r}, which describes no condition.'
    ) from None


def _check_sums(card, folder):
  """Raises `ValueError` if the card or a file that it lists was changed."""
  expected = card.pop('sha256', None)
  if expected != _sum(card):
    raise ValueError(
      f'{folder / _NAME} was changed after the export: its checksum does not '
      'match.'
    )
  for name, expected in card['files'].items():
    path = folder / name
    try:
      found = _sha256(path)
    except OSError as error:
      raise ValueError(
        f'{path}, a part of the SavedModel, cannot be read: {error.strerror}.'
      ) from None
    if found != expected:
      raise ValueError(
        f'{path} was damaged or changed after the export: its checksum does '
        'not match.'
      )


def _is_integer(value: Any, least: float, most: float) -> TypeGuard[int]:
  is_number = isinstance(value, int) and not isinstance(value, bool)
  return is_number and least <= value <= most


def _sha256(path):
  digest = hashlib.sha256()
  with open(path, 'rb') as file:
    while portion := file.read(2**20):
      digest.update(portion)
  return digest.hexdigest()


def _sum(card):
  """Returns the checksum of a card that has none yet."""
  text = json.dumps(card, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()
