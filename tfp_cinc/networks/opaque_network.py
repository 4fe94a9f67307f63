"""A wrapper of networks that are not composite tensors."""

from collections.abc import Callable

from tfp_cinc.internal import tfp_compat
from tfp_cinc.networks.condition import condition_channels

__all__ = ['OpaqueNetwork', 'as_composite']


class OpaqueNetwork(tfp_compat.CompositeModule):
  """A composite tensor that wraps any callable, such as a Keras model.

  It is equal only to itself, so that couplings with such networks do not share
  a trace. If a flow with such a network is an argument of a `tf.function`, the
  callable still reads its own Variables there. A gradient tape outside the
  function has gradients with respect to them; a tape inside has none. The
  attributes of the callable are also attributes of this object.
  """

  def __init__(
    self, function: Callable, captured=None, name: str = 'opaque_network'
  ):
    """Stores the callable.

    Args:
      function: The callable.
      captured: Variables that the callable reads. None means
        `function.variables`. They are tensors of this module, so that code
        that collects Variables finds them. Replacing them by other tensors has
        no effect on the callable.
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
    """The Variables that the callable reads, or the tensors replacing them."""
    if self._captured is not None:
      return self._captured
    return tfp_compat.module_variables(self._function)

  @property
  def condition_channels(self) -> int:
    """Number of channels of the callable's condition, 0 for none."""
    return condition_channels(self._function)

  def __call__(self, *arguments, **options):
    """Calls the wrapped callable."""
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
    The network itself if it is a composite tensor, else an `OpaqueNetwork` that
    wraps it.

  Raises:
    ValueError: If the network is a Keras layer or model without Variables yet,
      because code that collects Variables would not find them.
  """
  if getattr(network, 'built', True) is False:
    name = getattr(network, 'name', network)
    raise ValueError(
      f'the network {name} has no Variables yet; give it an `Input`, '
      'call `build`, or call it once before.'
    )
  is_composite = tfp_compat.is_composite(network)
  return network if is_composite else OpaqueNetwork(network)
