"""Trained flows as files, and those that come with the package."""

import hashlib
import io
import json
import os
import pathlib
import zipfile

import numpy as np
import tensorflow as tf

from tfp_cinc.internal.choices import nearest_name
from tfp_cinc.internal.files import replace_file
from tfp_cinc.variational_dequantization import (
  VariationalDequantization,
  trainable_variational_dequantization,
)

__all__ = ['card', 'load', 'load_noise', 'pretrained_names', 'save']

_FORMAT = 1
_FOLDER = pathlib.Path(__file__).parent / 'weights'
_CARD = 'card'


def pretrained_names() -> list[str]:
  """Returns the names of the trained flows that come with the package."""
  return sorted(path.stem for path in _FOLDER.glob('*.npz'))


def load(name: str | os.PathLike) -> tf.Module:
  """Returns a trained flow of this package, or one from a file of `save`.

  It is an ordinary flow: the function of `tfp_cinc.models` that built it, with
  Variables that hold the trained weights. No network connection is needed, and
  nothing in the file is executed. If `card(name)['num_bits']` is not 8, pass it
  to `dequantize`, `quantize` and `bits_per_dim`.

  #### Example

  >>> flow = tfp_cinc.models.load('cinc_digits')
  >>> flow.sample(2, seed=1).shape
  TensorShape([2, 16, 16, 1])

  Args:
    name: One of `pretrained_names()`, or the path of a file, ending in .npz.

  Returns:
    `tfd.TransformedDistribution` over images in [-0.5, 0.5].

  Raises:
    ValueError: If there is no such flow, or the file is damaged or of a newer
      format.
  """
  arrays, found = _read(name)
  return _with_weights(_build_flow(found), arrays, 'flow', name)


def load_noise(name: str | os.PathLike) -> VariationalDequantization:
  """Returns the learned dequantization noise that a flow was trained with.

  Args:
    name: As in `load`.

  Raises:
    ValueError: As in `load`, or if the flow was trained with uniform noise.
  """
  arrays, found = _read(name)
  if found.get('noise') is None:
    raise ValueError(
      f'{name} was trained with uniform noise; use `tfp_cinc.dequantize`.'
    )
  noise = trainable_variational_dequantization(
    found['image_shape'], seed=0, **found['noise']
  )
  return _with_weights(noise, arrays, 'noise', name)


def card(name: str | os.PathLike) -> dict:
  """Returns what a file says about its flow.

  Args:
    name: As in `load`.

  Returns:
    A dict with 'model' and 'arguments' (the function of `tfp_cinc.models` and
    its arguments), 'image_shape', 'num_bits', 'noise' (arguments of the learned
    noise, or None), 'format_version', 'sha256' and everything that was passed
    to `save` as `facts`. Files of `tfp-cinc export` also have 'data',
    'data_license', 'facts' (of the data set), 'condition', 'noise_scale',
    'step' and 'metrics', with 'test_bits_per_dim'.

  Raises:
    ValueError: As in `load`.
  """
  return _read(name)[1]


def save(
  path: str | os.PathLike,
  flow: tf.Module,
  model: str,
  arguments: dict,
  *,
  num_bits: int = 8,
  noise: VariationalDequantization | None = None,
  noise_arguments: dict | None = None,
  facts: dict | None = None,
) -> None:
  """Writes a trained flow into one file, for `load`.

  The file is written under a temporary name and then renamed.

  Args:
    path: Path of the file, ending in .npz.
    flow: Flow of float32 weights.
    model: Name of the function of `tfp_cinc.models` that built the flow.
    arguments: Arguments of that function, except the shape and the seed; values
      that JSON can hold.
    num_bits: Bits per channel of the images.
    noise: Learned noise that the flow was trained with, or None.
    noise_arguments: Arguments of `trainable_variational_dequantization` that
      built the noise, except the shape and the seed.
    facts: Further entries of the card, such as {'data': 'CIFAR-10'}.

  Raises:
    ValueError: If the path does not end in .npz, its folder does not exist, an
      argument is no JSON value, or the arguments build another flow.
  """
  path = pathlib.Path(path)
  if path.suffix != '.npz':
    raise ValueError(f'`path` is {str(path)!r}; it must end in .npz.')
  if not path.parent.is_dir():
    raise ValueError(f'the folder {path.parent} does not exist; make it first.')
  _check_arguments(arguments, 'arguments')
  _check_arguments(noise_arguments or {}, 'noise_arguments')
  found = {
    **(facts or {}),
    'format_version': _FORMAT,
    'model': model,
    'arguments': arguments,
    'image_shape': flow.event_shape.as_list(),
    'num_bits': num_bits,
    'noise': None if noise is None else dict(noise_arguments or {}),
  }
  arrays = {
    f'{part}_{i}': variable.numpy()
    for part, owner in (('flow', flow), ('noise', noise))
    for i, variable in enumerate(owner.variables if owner is not None else ())
  }
  rebuilt = _build_flow(found)
  _check_shapes(rebuilt.variables, arrays, 'flow', path)
  _check_same(flow, rebuilt)
  found['sha256'] = _digest(arrays)
  content = io.BytesIO()
  np.savez_compressed(content, **{**arrays, _CARD: json.dumps(found)})
  replace_file(path, content.getvalue())


def _read(name):
  """Returns the arrays and the card of a file, after checking both."""
  path = pathlib.Path(name)
  if path.suffix != '.npz':
    path = _FOLDER / f'{name}.npz'
    if not path.exists():
      names = pretrained_names()
      raise ValueError(
        f'there is no trained flow {str(name)!r}'
        f'{nearest_name(str(name), names)}; choose from {names}, or pass the '
        'path of a file that ends in .npz.'
      )
  try:
    with np.load(path, allow_pickle=False) as file:
      arrays = {key: file[key] for key in file.files}
    found = json.loads(str(arrays.pop(_CARD)))
    version, digest = found['format_version'], found['sha256']
  except FileNotFoundError:
    raise ValueError(f'{path} does not exist.') from None
  except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.error):
    raise ValueError(
      f'{path} is damaged, or is no file of `tfp_cinc.models.save`.'
    ) from None
  if version > _FORMAT:
    raise ValueError(
      f'{path} has the format {version}; this version of tfp_cinc reads up to '
      f'{_FORMAT}: upgrade it.'
    )
  if digest != _digest(arrays):
    raise ValueError(f'{path} is damaged: its weights have another checksum.')
  return arrays, found


def _build_flow(found):
  """Returns the flow that a card describes, with initial weights."""
  from tfp_cinc.models import MODELS

  if found['model'] not in MODELS:
    raise ValueError(
      f'`model` is {found["model"]!r}; it must be one of {sorted(MODELS)}.'
    )
  build = MODELS[found['model']]
  return build(found['image_shape'], seed=0, **found['arguments'])


def _with_weights(owner, arrays, part, name):
  _check_shapes(owner.variables, arrays, part, name)
  for i, variable in enumerate(owner.variables):
    variable.assign(arrays[f'{part}_{i}'])
  return owner


def _check_shapes(variables, arrays, part, name):
  """Raises `ValueError` unless the arrays are those of the Variables."""
  expected = {f'{part}_{i}': tuple(v.shape) for i, v in enumerate(variables)}
  found = {
    key: array.shape
    for key, array in arrays.items()
    if key.startswith(f'{part}_')
  }
  if expected != found:
    raise ValueError(
      f'{name} has {len(found)} arrays for the {part}, and its arguments build '
      f'{len(expected)} Variables, or their shapes differ; the arguments must '
      'be those that the flow was built with.'
    )


def _check_arguments(arguments, name):
  """Raises `ValueError` unless all arguments can be kept in the card."""
  for key, value in arguments.items():
    if key in ('seed', 'image_shape'):
      raise ValueError(f'`{name}` contains {key!r}; leave it out.')
    try:
      json.dumps(value)
    except TypeError:
      raise ValueError(
        f'`{name}`[{key!r}] is {value!r}; it must be a JSON value, such as a '
        'number or a word.'
      ) from None


def _check_same(flow, other):
  """Raises `ValueError` unless two flows differ only in their tensors."""
  if flow.bijector._type_spec != other.bijector._type_spec:
    raise ValueError(
      '`arguments` build another flow than `flow`; they must contain all '
      'arguments that differ from their defaults.'
    )


def _digest(arrays):
  """Returns the SHA-256 of arrays, with their names and shapes."""
  digest = hashlib.sha256()
  for key in sorted(arrays):
    array = np.ascontiguousarray(arrays[key])
    digest.update(f'{key} {array.dtype.str} {array.shape}'.encode())
    digest.update(array.tobytes())
  return digest.hexdigest()
