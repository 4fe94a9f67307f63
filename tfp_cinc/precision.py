"""Selection of the dtype in which the networks of a flow compute."""

from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.tree import Flow, map_bijectors
from tfp_cinc.variational_dequantization import VariationalDequantization

__all__ = ['with_network_dtype']


def with_network_dtype(
  flow: Flow | VariationalDequantization, network_dtype: DTypeLike | None
) -> Flow | VariationalDequantization:
  """Returns a flow whose networks compute in another dtype.

  The densities and round trips of a flow trained with
  `network_dtype='bfloat16'` are inexact. Those of
  `with_network_dtype(flow, 'float32')` have float32 precision.

  #### Example

  >>> flow = tfp_cinc.models.cinc(
  ...   [4, 4, 1], levels=1, depth=1, network_dtype='bfloat16', seed=0
  ... )
  >>> exact = tfp_cinc.with_network_dtype(flow, 'float32')
  >>> exact.log_prob(tf.zeros([5, 4, 4, 1])).dtype
  tf.float32

  Args:
    flow: Flow, bijector, or learned noise (`VariationalDequantization`).
    network_dtype: Dtype, as in `multiscale_flow`. None means the dtype of the
      Variables. Networks that are not from this package do not change.

  Returns:
    Object of the same kind that shares the Variables of `flow`.

  Raises:
    ValueError: If `network_dtype` cannot be used with the dtype of the
      Variables.
  """

  def change(network):
    if not hasattr(network, 'with_network_dtype'):
      return network
    return network.with_network_dtype(network_dtype)

  if not hasattr(flow, 'log_prob') and not hasattr(flow, 'forward'):
    return flow.map_networks(change)
  return map_bijectors(flow, lambda bijector: bijector.map_networks(change))
