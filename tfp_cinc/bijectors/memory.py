"""Gradients that recompute activations instead of storing them.

A bijector is a composite tensor: here it is taken apart into its tensors, which
become the inputs of a `tf.custom_gradient`, and is put together again of the
tensors that the gradient function receives.
"""

import tensorflow as tf

from tfp_cinc.bijectors.base import FlowBijector, gradients_at
from tfp_cinc.bijectors.shared_trace import call
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.composite import tensors_of, with_tensors

__all__ = ['evaluate', 'keep_input', 'keep_output', 'pull_back']


def keep_output(
  bijector: FlowBijector, x, kwargs: dict
) -> tuple[tf.Tensor, tf.Tensor]:
  """Evaluates `forward` with a gradient that needs only its output.

  Args:
    bijector: The bijector, whose `pull_back` is the gradient.
    x: Its input.
    kwargs: Its conditions.

  Returns:
    (forward(x), the log-det).
  """

  def run(bijector, kwargs, x):
    y, log_det = bijector._forward_and_log_det(x, **kwargs)
    batch_ndims = y.shape.rank - bijector.forward_min_event_ndims
    log_det = tf.broadcast_to(log_det, tf.shape(y)[:batch_ndims])

    def gradient(dy, dlog_det):
      _, dx, found = bijector.pull_back(y, dy, dlog_det, **kwargs)
      return _first_only(dx), [*map(_first_only, found)]

    return (y, log_det), gradient

  return _with_gradient(run, bijector, x, kwargs)


def keep_input(
  shared: bool, bijector: FlowBijector, x, event_ndims: int, kwargs: dict
) -> tuple[tf.Tensor, tf.Tensor]:
  """Evaluates `forward` with a gradient that runs it again from its input.

  The gradient's function runs once the gradient of its output is there, so
  that TensorFlow holds the activations of one bijector at a time.

  Args:
    shared: Whether to share the trace of others, see `shared_trace.call`.
    bijector: The bijector.
    x: Its input.
    event_ndims: Number of dimensions that the log-det is summed over.
    kwargs: Its conditions.

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
  """`FlowBijector.pull_back` as a function."""
  return bijector.pull_back(y, dy, dlog_det, event_ndims, **kwargs)


def _first_only(gradient):
  """A gradient that raises an error if it is differentiated again."""
  return tf.raw_ops.PreventGradient(
    input=gradient,
    message="there are no second derivatives with memory='reversible'; use "
    "`tfp_cinc.with_memory(flow, 'store')`.",
  )


def _with_gradient(run, bijector, x, kwargs):
  """Calls a function of tensors that brings its own gradient.

  Args:
    run: From (bijector, kwargs, x) to ((y, log-det), a function from their
      gradients to that of x and a list of those of `sources`).
    bijector: The bijector.
    x: Its input.
    kwargs: Its conditions.

  Returns:
    (y, log-det).
  """
  whole = [bijector, kwargs]
  values = tensors_of(whole)

  @tf.custom_gradient
  def function(x, *values):
    # A tensor may come twice, as one label for two couplings: gradients are
    # told apart by the identity of tensors.
    values = [tf.identity(value) for value in values]
    inner, own = with_tensors(whole, values)
    places = inner.sources(own)
    result, pull = run(inner, own, x)

    def gradient(dy, dlog_det, variables=()):
      dx, found = pull(dy, dlog_det)
      by_place = {}
      for place, part in zip(places, found, strict=True):
        total = by_place.get(id(place))
        by_place[id(place)] = part if total is None else total + part
      of_inputs = (dx, *(by_place.get(id(value)) for value in values))
      if not variables:
        return of_inputs
      # Those of networks that are no composite tensors.
      variables = [tfp_compat.unwrapped(variable) for variable in variables]
      for variable in variables:
        if id(variable) not in by_place:
          raise ValueError(
            f'{bijector.name} reads the Variable {variable.name!r}, which is '
            'not among its `variables`; a gradient that recomputes activations '
            'needs it there: make it an attribute of a `tf.Module`, or use '
            "memory='store'."
          )
      return of_inputs, [by_place[id(variable)] for variable in variables]

    return result, gradient

  return function(x, *map(tf.convert_to_tensor, values))
