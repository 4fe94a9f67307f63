"""Callables that are no composite tensors."""

from collections.abc import Callable

from tfp_cinc.internal import tfp_compat
from tfp_cinc.networks.condition import condition_channels

__all__ = ['OpaqueNetwork', 'as_composite']


class OpaqueNetwork(tfp_compat.CompositeModule):
  """A callable that is no composite tensor, such as a Keras model, as one.

  It is equal only to itself: couplings with such networks do not share a trace.
  If a flow with such a network is an argument of a `tf.function`, the callable
  reads its own Variables there, to which the tape outside has gradients and a
  tape inside has none. Its attributes are those of the callable too.
  """

  def __init__(
    self, function: Callable, captured=None, name: str = 'opaque_network'
  ):
    """Stores the callable.

    Args:
      function: The callable.
      captured: The Variables that it reads, None for `function.variables`. They
        count as tensors of the network, so that everybody finds them; values
        in their place have no effect.
      name: Name of the module.
    """
    super().__init__(name=name)
    self._function, self._captured = function, captured

  @property
  def function(self) -> Callable:
    """The callable."""
    return self._function

  @property
  def captured(self) -> list:
    """The Variables that the callable reads, or what is in their place."""
    if self._captured is not None:
      return self._captured
    return tfp_compat.module_variables(self._function)

  @property
  def condition_channels(self) -> int:
    """Number of channels of the callable's condition, 0 for none."""
    return condition_channels(self._function)

  def __call__(self, *arguments, **options):
    """Calls the function."""
    return self._function(*arguments, **options)

  def __getattr__(self, name: str):
    if name.startswith('_'):
      raise AttributeError(name)
    return getattr(self._function, name)


def as_composite(network: Callable) -> Callable:
  """Returns a network as a composite tensor.

  Args:
    network: Any callable.

  Returns:
    The network itself, or an `OpaqueNetwork` of it.
  """
  is_composite = tfp_compat.is_composite(network)
  return network if is_composite else OpaqueNetwork(network)
