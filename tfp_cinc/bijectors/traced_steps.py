"""Calls of a chain's bijectors by functions that alike ones share."""

import collections
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.one_pass import (
  pull_back,
  pull_back_at,
  value_and_log_det,
)
from tfp_cinc.internal import switches
from tfp_cinc.internal.derived import kept
from tfp_cinc.internal.functional import is_readable, reading, structure

__all__ = ['TracedSteps']

tfb = tfp.bijectors


class TracedSteps:
  """The bijectors of a chain, traced once where they are alike.

  The D steps of a level are the same function of different Variables. In a
  graph each is a call of one `tf.function` that takes the values of the
  Variables as arguments and is not inlined: TensorFlow traces, differentiates
  and optimizes it once, whatever D is. Eager calls, and bijectors without a
  peer, without Variables or with those of `tf.distribute`, are called as they
  are.
  """

  def __init__(self, bijectors: Sequence[tfb.Bijector]):
    """Keeps the bijectors; they are compared at the first call in a graph.

    Args:
      bijectors: those of a chain.
    """
    self._bijectors = bijectors
    self._alike = None
    self._functions = {}

  def run(self, bijector, x, invert: bool, kwargs):
    """`value_and_log_det` of one of the bijectors."""
    return self._call(_inverse if invert else _forward, bijector, x, kwargs)

  def pull_back(self, bijector, y, dy, dlog_det, kwargs):
    """`pull_back` of one of the bijectors."""
    return self._call(pull_back, bijector, y, dy, dlog_det, kwargs)

  def run_and_recompute(self, bijector, x, kwargs):
    """`run` forward with a gradient that keeps x and runs it again.

    The gradient's function runs once the gradient of its output is there, so
    that TensorFlow holds the activations of one bijector at a time.
    """
    variables = bijector.variables
    if switches.native_gradients.is_on or not _is_function_of(variables):
      return self.run(bijector, x, False, kwargs)
    template, _ = self._template(bijector)
    conditions = tf.nest.flatten(kwargs)
    state = switches.state()

    @tf.custom_gradient
    def run(x, *inputs):
      own = tf.nest.pack_sequence_as(kwargs, inputs[: len(conditions)])
      values = list(inputs[len(conditions) :])

      def gradient(dy, dlog_det):
        with switches.restored(state):
          backward = self._function(pull_back_at, template)
          dx, found = backward(values, x, dy, dlog_det, own)
        of_conditions = found[: len(conditions)]
        of_variables = iter(found[len(conditions) :])
        return (
          dx,
          *of_conditions,
          *(next(of_variables) if v.trainable else None for v in variables),
        )

      return self._function(_forward, template)(values, x, own), gradient

    return run(x, *conditions, *map(tf.convert_to_tensor, variables))

  def _call(self, body, bijector, *args):
    """`body(bijector, *args)`."""
    variables = bijector.variables
    if not _is_function_of(variables):
      return body(bijector, *args)
    template, is_alone = self._template(bijector)
    if is_alone or not _are_alike_now(bijector, template):
      return body(bijector, *args)
    values = list(map(tf.convert_to_tensor, variables))
    return self._function(body, template)(values, *args)

  def _template(self, bijector):
    """The first of the bijectors alike, and whether there is no other."""
    if self._alike is None:
      groups = collections.defaultdict(list)
      for item in self._bijectors:
        groups[structure(item)].append(item)
      self._alike = {
        id(item): (group[0], len(group) == 1)
        for group in groups.values()
        for item in group
      }
    return self._alike[id(bijector)]

  def _function(self, body, template):
    """`body(template, *args)` as a function of (values of Variables, *args)."""
    key = body, id(template), switches.state()
    variables, function = self._functions.get(key, (None, None))
    # Within `frozen_weights` there are more of them, others at each time.
    if variables is None or (
      switches.frozen.is_on and not _are_same(variables, template.variables)
    ):
      variables = list(template.variables)

      def call(values, *args):
        with reading(variables, values):
          result = body(template, *args)
        _check_captures(template)
        return result

      function = tf.function(
        call, autograph=False, experimental_attributes={'_noinline': True}
      )
      self._functions[key] = variables, function
    return function


def _is_function_of(variables):
  """Whether to call a bijector as a graph function of these Variables."""
  return bool(
    not tf.executing_eagerly() and variables and is_readable(variables)
  )


def _are_alike_now(bijector, template):
  """Whether both have kept the same of their weights, where they keep any."""
  return not switches.frozen.is_on or kept(bijector) == kept(template)


def _are_same(variables, others):
  return [*map(id, variables)] == [*map(id, others)]


def _forward(bijector, x, kwargs):
  return value_and_log_det(bijector, x, invert=False, **kwargs)


def _inverse(bijector, x, kwargs):
  return value_and_log_det(bijector, x, invert=True, **kwargs)


def _check_captures(bijector):
  """Raises where the function being traced reaches past its arguments."""
  captures = tf.compat.v1.get_default_graph().captures
  if any(outer.dtype == tf.resource for outer, _ in captures):
    raise RuntimeError(
      f'{bijector.name} uses a Variable or table that is not among its '
      '`variables`; in a graph it can be used outside a ReversibleChain alone.'
    )
