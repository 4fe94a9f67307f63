"""Conversion between composite tensors and lists of tensors.

The functions correspond to `tf.nest.flatten(value, expand_composites=True)` and
`tf.nest.pack_sequence_as`, but order the tensors differently. They are faster:
`tf.nest` rebuilds the `TypeSpec` of each part for each bijector that contains
it, which takes seconds for a deep flow.
"""

import copy
from collections.abc import Iterable, Iterator

import tensorflow as tf

from tfp_cinc.internal import tfp_compat

__all__ = [
  'captured_variables',
  'tensors_of',
  'variables_of',
  'with_module_copies',
  'with_tensors',
]


def tensors_of(value) -> list:
  """Returns the tensors and Variables that a composite tensor consists of.

  Args:
    value: A composite tensor, such as a bijector; a tensor; or a list, tuple or
      dict of these. Any other value has no tensors.

  Returns:
    A list. A tensor that is used twice appears twice.
  """
  return list(_tensors(value))


def variables_of(value) -> tuple[tf.Variable, ...]:
  """Returns the Variables among `tensors_of(value)`, each once."""
  found = {id(x): x for x in _tensors(value) if isinstance(x, tf.Variable)}
  return tuple(found.values())


def captured_variables(value) -> list[tf.Variable]:
  """Returns the Variables of modules that are not composite tensors.

  Args:
    value: A composite tensor that has such modules, for example Keras models,
      among its arguments.

  Returns:
    A list. The Variables of a module that is used twice appear twice.
  """
  if _is_plain_module(value):
    return tfp_compat.module_variables(value)
  return [v for _, part in _parts(value) for v in captured_variables(part)]


def with_module_copies(value):
  """Copies the modules within a composite tensor that are not composite.

  A module that cannot be copied is kept as it is.
  """
  if _is_plain_module(value):
    try:
      with tf.init_scope():
        return copy.deepcopy(value)
    except Exception:  # whatever the module raises
      return value
  return _with_parts(value, with_module_copies)


def with_tensors(value, tensors: Iterable):
  """Returns a composite tensor of the same structure with other tensors.

  Args:
    value: As in `tensors_of`.
    tensors: New tensors, as many as `tensors_of(value)` returns and in the same
      order.

  Returns:
    A new value of the same class, or `value` itself if it has no tensors.

  Raises:
    ValueError: If there are more `tensors` than `value` has.
  """
  tensors = iter(tensors)
  result = _replaced(value, tensors)
  if next(tensors, None) is not None:
    raise ValueError('there are more `tensors` than `value` has.')
  return result


def _tensors(value) -> Iterator:
  if isinstance(value, tf.Tensor | tf.Variable):
    yield value
  else:
    for _, part in _parts(value):
      yield from _tensors(part)


def _parts(value):
  """Returns pairs (key, part) of all parts that may have tensors."""
  if isinstance(value, tfp_compat.AutoCompositeTensor):
    return tfp_compat.constructor_arguments(value).items()
  if isinstance(value, list | tuple):
    return enumerate(value)
  return value.items() if isinstance(value, dict) else ()


def _is_plain_module(value):
  is_composite = isinstance(value, tfp_compat.AutoCompositeTensor)
  return not is_composite and tfp_compat.is_module(value)


def _replaced(value, tensors):
  if isinstance(value, tf.Tensor | tf.Variable):
    return next(tensors)
  return _with_parts(value, lambda part: _replaced(part, tensors))


def _with_parts(value, function):
  """Returns the value with `function(part)` in place of each part."""
  new, changed = {}, False
  for key, part in _parts(value):
    new[key] = function(part)
    changed |= new[key] is not part
  if not changed:
    return value
  if isinstance(value, tfp_compat.AutoCompositeTensor):
    return type(value)(**new)
  if isinstance(value, dict):
    return new
  return (tuple if isinstance(value, tuple) else list)(new.values())
