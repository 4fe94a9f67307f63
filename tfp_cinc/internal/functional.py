"""Modules as functions of the values of their Variables."""

import contextlib
import functools
import threading

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

__all__ = ['is_readable', 'reading', 'source', 'structure', 'unwrapped']

_state = threading.local()


@contextlib.contextmanager
def reading(variables, values):
  """Within it each Variable reads as the tensor at its place.

  It is for tracing: operations that run eagerly read a Variable past it.

  Args:
    variables: list of `tf.Variable`.
    values: list of tensors, of their shapes and dtypes.
  """
  before = getattr(_state, 'values', {})
  _state.values = {**before}
  for variable, value in zip(map(unwrapped, variables), values, strict=True):
    _state.values[id(variable)] = value
    if '_read_variable_op' not in vars(variable):
      variable._read_variable_op = functools.partial(_read, variable)
      # What `tf.gather` and `tf.gather_nd` look for.
      variable.sparse_read = functools.partial(_gather, variable)
      variable.gather_nd = functools.partial(_gather_nd, variable)
  try:
    yield
  finally:
    _state.values = before


def _read(variable, no_copy=False):
  """What takes the place of a Variable's own way to read itself, for good."""
  value = source(variable)
  if value is variable:
    value = type(variable)._read_variable_op(variable, no_copy)
  return value


def _gather(variable, indices, name=None):
  """In the place of `sparse_read`: some rows of a Variable."""
  value = source(variable)
  if value is variable:
    return type(variable).sparse_read(variable, indices, name)
  return tf.gather(value, indices, name=name)


def _gather_nd(variable, indices, name=None):
  value = source(variable)
  if value is variable:
    return type(variable).gather_nd(variable, indices, name)
  return tf.gather_nd(value, indices, name=name)


def unwrapped(variable):
  """The Variable itself, which mixed-precision Keras layers wrap."""
  return getattr(variable, '_variable', variable)


def is_readable(variables) -> bool:
  """Whether `reading` can take the place of all these Variables.

  It cannot for those of `tf.distribute`, which are several in one.
  """
  return all(
    hasattr(type(unwrapped(v)), '_read_variable_op') for v in variables
  )


def source(variable):
  """What a tape knows a Variable by: the tensor it reads as, or itself."""
  values = getattr(_state, 'values', {})
  return values.get(id(unwrapped(variable)), variable)


def structure(bijector):
  """What a bijector computes, but for the values of its Variables.

  Args:
    bijector: a bijector of this package or of TFP.

  Returns:
    A value that compares equal for two bijectors only if they are the same
    function of their `variables`. What is not understood equals itself alone.
  """
  variables = bijector.variables
  numbers = {id(v): i for i, v in enumerate(variables)}
  specs = [(tuple(v.shape), v.dtype, v.trainable) for v in variables]
  return repr((specs, _structure(bijector, numbers, is_top=True)))


def _structure(value, numbers, is_top=False):
  def parts(items):
    return sorted((str(k), _structure(v, numbers)) for k, v in items)

  package = type(value).__module__.partition('.')[0]
  if isinstance(value, tf.Variable):
    return ('variable', numbers.get(id(value), ('id', id(value))))
  if isinstance(value, tf.Tensor | np.ndarray):
    if isinstance(value, tf.Tensor) and not hasattr(value, 'numpy'):
      return ('id', id(value))
    value = np.asarray(value)
    return ('array', value.dtype.str, value.shape, value.tobytes())
  if isinstance(value, tfp.bijectors.Bijector):
    if package not in ('tfp_cinc', 'tensorflow_probability'):
      return ('id', id(value))
    arguments = {k: v for k, v in value.parameters.items() if k != 'name'}
    name = None if is_top else value.name
    return (_type_name(value), name, parts(arguments.items()))
  if isinstance(value, tf.Module):
    own = {
      k: v
      for k, v in vars(value).items()
      if k not in ('_name', '_scope_name', '_name_scope')
      and not k.startswith(('_self_', '_obj_reference'))
    }
    return (_type_name(value), parts(own.items()))
  if isinstance(value, dict):
    return ('dict', parts(value.items()))
  if isinstance(value, list | tuple):
    return ('list', [_structure(v, numbers) for v in value])
  if value is None or isinstance(value, str | bytes | bool | int | float):
    return ('value', type(value).__name__, value)
  if isinstance(value, tf.DType):
    return ('dtype', value.name)
  return ('id', id(value))


def _type_name(value):
  # Two classes that a function has made may have one name.
  kind = type(value)
  return f'{kind.__module__}.{kind.__qualname__}', id(kind)
