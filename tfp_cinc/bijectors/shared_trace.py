"""One trace for bijectors that differ only in the values of their tensors."""

import collections
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.internal.composite import tensors_of, with_tensors

__all__ = ['alike', 'call']

_FUNCTIONS = '_tfp_cinc_functions'


def alike(bijectors: Sequence[FlowBijector]) -> set[int]:
  """Returns the indices of bijectors that can share a trace with another one.

  Args:
    bijectors: The parts of a chain.

  Returns:
    The set of indices of bijectors that have the same `TypeSpec` as another
    one; empty in eager mode. Bijectors without tensors, or with Variables of
    `tf.distribute`, are not included.
  """
  if tf.executing_eagerly():
    return set()
  by_type = collections.defaultdict(list)
  for i, bijector in enumerate(bijectors):
    by_type[type(bijector)].append(i)
  found: set[int] = set()
  for indices in by_type.values():
    specs = [
      (i, bijectors[i]._type_spec)
      for i in indices
      if len(indices) > 1 and _has_plain_tensors(bijectors[i])
    ]
    # Pairs of a specification and the indices that have it.
    groups: list[tuple[tf.TypeSpec, list[int]]] = []
    for i, spec in specs:
      group = next((g for g in groups if g[0] == spec), None)
      if group is None:
        groups.append((spec, [i]))
      else:
        group[1].append(i)
    found.update(i for _, group in groups if len(group) > 1 for i in group)
  return found


def call(shared: bool, function: Callable, bijector: FlowBijector, *arguments):
  """Returns `function(bijector, *arguments)`.

  Args:
    shared: Whether to call `function` as a `tf.function` that is not inlined
      and takes the bijector as an argument. TensorFlow then traces,
      differentiates and optimizes it once for all bijectors of one `TypeSpec`.
      Such a `tf.function` lives as long as the graph that calls it, so that a
      new graph never uses the old state of a Python object.
    function: A module-level function, not a closure.
    bijector: A composite tensor.
    *arguments: Tensors, or Python values that are the same in each call.
  """
  if not shared:
    return function(bijector, *arguments)
  graph = tf.compat.v1.get_default_graph()
  functions = getattr(graph, _FUNCTIONS, None)
  if functions is None:
    functions = {}
    setattr(graph, _FUNCTIONS, functions)
  if function not in functions:
    functions[function] = tf.function(
      function,
      autograph=False,
      experimental_attributes={'_noinline': True},
    )
  # Variables are converted to tensors, because XLA does not compile a function
  # of a composite tensor that consists of Variables.
  tensors = map(tf.convert_to_tensor, tensors_of(bijector))
  return functions[function](with_tensors(bijector, tensors), *arguments)


def _has_plain_tensors(bijector):
  tensors = tensors_of(bijector)
  return bool(tensors) and not any(
    isinstance(tensor, tf.distribute.DistributedValues) for tensor in tensors
  )
