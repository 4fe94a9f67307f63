"""Settings that hold for a thread within a `with` block."""

import contextlib
import threading

__all__ = [
  'bfloat16_networks',
  'frozen',
  'full_precision',
  'initializing',
  'native_gradients',
  'restored',
  'state',
]


class Switch(threading.local):
  """A setting that is off, but on within `with switch.on():`."""

  is_on = False

  @contextlib.contextmanager
  def on(self):
    """A context within which the switch is on in this thread."""
    before, self.is_on = self.is_on, True
    try:
      yield
    finally:
      self.is_on = before


# Functions of ours leave gradients to TensorFlow. They give the same numbers
# for more memory, and are all that a SavedModel can hold: it has no place for
# a custom gradient's own gradient.
native_gradients = Switch()

# Networks compute in the dtype of their variables, whatever their own says.
full_precision = Switch()

# Networks in float32 compute in bfloat16, whatever their own dtype says.
bfloat16_networks = Switch()

# Modules keep what follows from their weights, see `internal.derived`.
frozen = Switch()

# Each `ActNorm.forward` first sets its Variables from its input.
initializing = Switch()


_ALL = (
  native_gradients,
  full_precision,
  bfloat16_networks,
  frozen,
  initializing,
)


def state() -> tuple[bool, ...]:
  """What a computation depends on beside its arguments."""
  return tuple(switch.is_on for switch in _ALL)


@contextlib.contextmanager
def restored(values: tuple[bool, ...]):
  """A context in which this thread's switches are as `state` found them.

  Args:
    values: of an earlier call of `state`.
  """
  before = state()
  _set(values)
  try:
    yield
  finally:
    _set(before)


def _set(values):
  for switch, value in zip(_ALL, values, strict=True):
    switch.is_on = value
