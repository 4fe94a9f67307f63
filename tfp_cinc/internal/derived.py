"""What follows from the weights alone, kept while they do not change."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import tensorflow as tf

from tfp_cinc.internal import switches

__all__ = ['derived', 'keeping', 'kept']


class _Keeping(threading.local):
  def __init__(self):
    self.modules = []  # for which something is kept


_keeping = _Keeping()


@contextlib.contextmanager
def keeping() -> Iterator[None]:
  """A context at whose end all that was kept within it is let go."""
  before, _keeping.modules = _keeping.modules, []
  try:
    with switches.frozen.on():
      yield
  finally:
    for module in _keeping.modules:
      del module._derived
    _keeping.modules = before


def derived(
  module: tf.Module, name: str, compute: Callable[[], tf.Tensor]
) -> tf.Tensor:
  """`compute()`, or what is kept of it within `tfp_cinc.frozen_weights`.

  Args:
    module: whose weights it follows from.
    name: of what is computed, one for each value that the module can have.
    compute: function of the module's Variables alone.

  Returns:
    The value of `compute()`.
  """
  if not switches.frozen.is_on:
    return compute()
  values = vars(module).get('_derived', {})
  if name not in values:
    value = compute()
    if not tf.executing_eagerly():
      return value
    # A Variable, so that a function of the module's Variables has it too.
    if not values:
      _keeping.modules.append(module)
    values[name] = tf.Variable(value, trainable=False, name=name)
    module._derived = values
  return tf.convert_to_tensor(values[name])


def kept(module: tf.Module) -> list[list[str]]:
  """The names of what is kept for a module, and for each one within it."""
  parts = (module, *module.submodules)
  return [sorted(vars(part).get('_derived', ())) for part in parts]
