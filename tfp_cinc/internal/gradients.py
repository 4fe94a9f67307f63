"""The switch between our gradients and TensorFlow's own."""

import contextlib
import threading

__all__ = ['native_gradients', 'uses_native_gradients']

_state = threading.local()


@contextlib.contextmanager
def native_gradients():
  """Within it functions of ours leave gradients to TensorFlow.

  They give the same numbers for more memory, and are all that a SavedModel can
  hold: it has no place for a custom gradient's own gradient.
  """
  _state.native = True
  try:
    yield
  finally:
    _state.native = False


def uses_native_gradients() -> bool:
  """Whether this thread is within `native_gradients()`."""
  return getattr(_state, 'native', False)
