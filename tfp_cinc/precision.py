"""Flows whose networks compute in another dtype."""

from tfp_cinc.tree import map_bijectors

__all__ = ['with_network_dtype']


def with_network_dtype(flow, network_dtype):
  """Returns a flow whose networks compute in another dtype.

  Densities and round trips of a flow that is trained with
  `network_dtype='bfloat16'` are exact to float32 in
  `with_network_dtype(flow, 'float32')`, a flow on the same Variables.

  #### Example

  >>> flow = tfp_cinc.models.cinc(
  ...   [4, 4, 1], levels=1, depth=1, network_dtype='bfloat16', seed=0
  ... )
  >>> exact = tfp_cinc.with_network_dtype(flow, 'float32')
  >>> exact.log_prob(tf.zeros([5, 4, 4, 1])).dtype
  tf.float32

  Args:
    flow: A flow, a bijector, or learned noise (`VariationalDequantization`).
    network_dtype: As in `multiscale_flow`; None for the dtype of the Variables.
      Networks that are not of this package stay as they are.

  Returns:
    The same on the same Variables.

  Raises:
    ValueError: If the dtype does not go with that of the Variables.
  """

  def change(network):
    if not hasattr(network, 'with_network_dtype'):
      return network
    return network.with_network_dtype(network_dtype)

  if not hasattr(flow, 'log_prob') and not hasattr(flow, 'forward'):
    return flow.map_networks(change)
  return map_bijectors(flow, lambda bijector: bijector.map_networks(change))
