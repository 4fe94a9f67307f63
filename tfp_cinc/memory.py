"""Selection of the activations that a flow stores for its gradient."""

from tfp_cinc.bijectors.chain import MEMORY, Chain
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.tree import Flow, map_bijectors, subtree

__all__ = ['with_memory']


def with_memory(flow: Flow, memory: str) -> Flow:
  """Returns a flow with another `memory` option, see `Chain`.

  The option applies to chains that contain other chains, such as the levels of
  a flow. The inner chains, such as its steps, use 'store', because they are the
  units of recomputation. If no chain contains another one, the option applies
  to all chains.

  #### Example

  >>> flow = tfp_cinc.models.glow([4, 4, 1], levels=1, depth=2, seed=0)
  >>> reversible = tfp_cinc.with_memory(flow, 'reversible')
  >>> reversible.log_prob(tf.zeros([5, 4, 4, 1])).shape
  TensorShape([5])

  Args:
    flow: Flow or bijector.
    memory: Activations to store: 'store', 'checkpoint' or 'reversible'.

  Returns:
    Flow or bijector of the same kind that shares the Variables of `flow`.

  Raises:
    ValueError: If `memory` is unknown.
  """
  check_choice('memory', memory, MEMORY)
  nested = any(map(_is_chain_of_chains, subtree(flow)))

  def change(bijector):
    if type(bijector) is not Chain:
      return bijector
    is_inner = nested and not _is_chain_of_chains(bijector)
    own = 'store' if is_inner else memory
    return bijector if own == bijector.memory else bijector.copy(memory=own)

  return map_bijectors(flow, change)


def _is_chain_of_chains(bijector):
  # Subclasses, such as `EmergingConv2D`, do not count: they are layers.
  chains = [part for part in subtree(bijector) if type(part) is Chain]
  return type(bijector) is Chain and len(chains) > 1
