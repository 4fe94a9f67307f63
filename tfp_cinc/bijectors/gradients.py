"""Gradients of a bijector with respect to its input and all its sources."""

import tensorflow as tf

from tfp_cinc.internal.composite import tensors_of, with_tensors

__all__ = ['first_only', 'gradients_at', 'with_own_tensors']


def first_only(gradient, message: str):
  """Returns a gradient that raises an error if it is differentiated again.

  Args:
    gradient: `Tensor`.
    message: Message of the `LookupError`.
  """
  return tf.raw_ops.PreventGradient(input=gradient, message=message)


def with_own_tensors(bijector, kwargs):
  """Rebuilds a bijector and its conditions from tensors of the current graph.

  A tape finds no gradients with respect to tensors of another graph, such as
  the graph around a loop.

  Args:
    bijector: The bijector.
    kwargs: Conditions of the bijector.

  Returns:
    (bijector, kwargs, sources, function). `sources` are those of the rebuilt
    bijector. The function converts gradients with respect to them to gradients
    with respect to the sources of the original bijector.
  """
  originals, whole = bijector.sources(kwargs), [bijector, kwargs]
  bijector, kwargs = with_tensors(whole, map(tf.identity, tensors_of(whole)))
  places = bijector.sources(kwargs)

  def of_originals(gradients):
    # The tensor that replaces a captured Variable has no effect. The gradient
    # is that of the Variable itself, which is a source of its own.
    by_place = dict(zip(map(id, places), gradients, strict=True))
    pairs = zip(originals, gradients, strict=False)
    return [by_place.get(id(place), gradient) for place, gradient in pairs]

  return bijector, kwargs, places, of_originals


def gradients_at(bijector, x, dy, dlog_det, event_ndims, kwargs):
  """Backpropagates through `forward`, given its input.

  Args:
    bijector: The bijector.
    x: `Tensor`, the input of `forward`.
    dy: Gradient with respect to the output.
    dlog_det: Gradient with respect to the log-det.
    event_ndims: Number of dimensions that the log-det is summed over.
    kwargs: Conditions.

  Returns:
    (the gradient with respect to x, a list of the gradients with respect to
    `bijector.sources(kwargs)`).
  """
  bijector, kwargs, places, of_originals = with_own_tensors(bijector, kwargs)
  with tf.GradientTape() as tape:
    tape.watch([x, *places])
    y, log_det = bijector.forward_and_log_det(x, event_ndims, **kwargs)
    log_det = tf.broadcast_to(log_det, tf.shape(dlog_det))
  dx, *found = tape.gradient(
    [y, log_det],
    [x, *places],
    output_gradients=[dy, dlog_det],
    unconnected_gradients=tf.UnconnectedGradients.ZERO,
  )
  return dx, of_originals(found)
