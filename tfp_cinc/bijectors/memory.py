"""Gradients that recompute activations instead of storing them.

A bijector is a composite tensor. Its tensors become the inputs of a function
with a `tf.custom_gradient`, which rebuilds the bijector from the tensors that
it receives.
"""

import tensorflow as tf

from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.bijectors.gradients import first_only, gradients_at
from tfp_cinc.bijectors.shared_trace import call
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.composite import tensors_of, with_tensors

__all__ = ['evaluate', 'keep_input', 'keep_output', 'pull_back']

_NO_SECOND = (
  "second derivatives are not available with memory='reversible'; use "
  "`tfp_cinc.with_memory(flow, 'store')`."
)


def keep_output(
  bijector: FlowBijector, x, kwargs: dict
) -> tuple[tf.Tensor, tf.Tensor]:
  """Evaluates `forward` with a gradient that needs only its output.

  Args:
    bijector: The bijector. Its `pull_back` computes the gradient.
    x: Input of the bijector.
    kwargs: Conditions of the bijector.

  Returns:
    (forward(x), the log-det).
  """

  def run(bijector, kwargs, x):
    y, log_det = bijector._forward_and_log_det(x, **kwargs)
    batch_ndims = y.shape.rank - bijector.forward_min_event_ndims
    log_det = tf.broadcast_to(log_det, tf.shape(y)[:batch_ndims])

    def gradient(dy, dlog_det):
      _, dx, found = bijector.pull_back(y, dy, dlog_det, **kwargs)
      dx, *found = (first_only(g, _NO_SECOND) for g in (dx, *found))
      return dx, found

    return (y, log_det), gradient

  return _with_gradient(run, bijector, x, kwargs)


def keep_input(
  shared: bool, bijector: FlowBijector, x, event_ndims: int, kwargs: dict
) -> tuple[tf.Tensor, tf.Tensor]:
  """Evaluates `forward` with a gradient that runs it again from its input.

  The recomputation waits for the gradient with respect to the output, so that
  TensorFlow holds the activations of only one bijector at a time.

  Args:
    shared: Whether to share a trace with other bijectors; see
      `shared_trace.call`.
    bijector: The bijector.
    x: Input of the bijector.
    event_ndims: Number of dimensions that the log-det is summed over.
    kwargs: Conditions of the bijector.

  Returns:
    (forward(x), the log-det).
  """

  def run(bijector, kwargs, x):
    y, log_det = call(shared, evaluate, bijector, x, False, event_ndims, kwargs)
    log_det = tf.broadcast_to(
      log_det, tf.shape(y)[: y.shape.rank - event_ndims]
    )

    def gradient(dy, dlog_det):
      with tf.control_dependencies([dy]):
        again = tf.identity(x)
      return call(
        shared, gradients_at, bijector, again, dy, dlog_det, event_ndims, kwargs
      )

    return (y, log_det), gradient

  return _with_gradient(run, bijector, x, kwargs)


def evaluate(bijector: FlowBijector, x, invert: bool, event_ndims: int, kwargs):
  """Returns the value and the log-det of a bijector or of its inverse."""
  return bijector._evaluate(x, invert, event_ndims, kwargs)


def pull_back(bijector: FlowBijector, y, dy, dlog_det, event_ndims, kwargs):
  """Calls `FlowBijector.pull_back`."""
  return bijector.pull_back(y, dy, dlog_det, event_ndims, **kwargs)


def _summed_to_shape(gradient, x):
  """Sums a gradient over the dimensions in which x was broadcast."""
  if gradient.shape == x.shape and x.shape.is_fully_defined():
    return gradient
  _, axes = tf.raw_ops.BroadcastGradientArgs(
    s0=tf.shape(gradient), s1=tf.shape(x)
  )
  return tf.reshape(tf.reduce_sum(gradient, axes), tf.shape(x))


@tfp_compat.freed_with_graph()
def _with_gradient(run, bijector, x, kwargs):
  """Evaluates a bijector with a custom gradient.

  Args:
    run: Function from (bijector, kwargs, x) to ((y, log-det), gradient). The
      gradient is a function from the gradients with respect to y and log-det to
      the gradient with respect to x and a list of those with respect to
      `sources`.
    bijector: The bijector.
    x: Input of the bijector.
    kwargs: Conditions of the bijector.

  Returns:
    (y, log-det).
  """
  whole = [bijector, kwargs]
  values = tensors_of(whole)

  @tf.custom_gradient
  def function(x, *values):
    # Gradients are looked up by the identity of tensors. The copies are
    # distinct even if a tensor occurs twice, as a label of two couplings may.
    values = [tf.identity(value) for value in values]
    inner, own = with_tensors(whole, values)
    places = inner.sources(own)
    result, pull = run(inner, own, x)

    def gradient(dy, dlog_det, variables=()):
      dx, found = pull(dy, dlog_det)
      dx = _summed_to_shape(dx, x)
      by_place = {}
      for place, part in zip(places, found, strict=True):
        total = by_place.get(id(place))
        by_place[id(place)] = part if total is None else total + part
      of_inputs = (dx, *(by_place.get(id(value)) for value in values))
      if not variables:
        return of_inputs
      # The Variables of networks that are not composite tensors.
      variables = [tfp_compat.unwrapped(variable) for variable in variables]
      for variable in variables:
        if id(variable) not in by_place:
          raise ValueError(
            f'{bijector.name} reads the Variable {variable.name!r}, which is '
            'not among its `variables`; gradients that recompute activations '
            'require this. Make it an attribute of a `tf.Module`, or use '
            "memory='store'."
          )
      return of_inputs, [by_place[id(variable)] for variable in variables]

    return result, gradient

  return function(x, *map(tf.convert_to_tensor, values))
