"""The protocol of all bijectors of this package."""

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.composite import (
  captured_variables,
  tensors_of,
  variables_of,
  with_module_copies,
  with_tensors,
)

__all__ = [
  'BijectorWrapper',
  'ConstantJacobianBijector',
  'FlowBijector',
  'gradients_at',
  'num_pixels',
  'sum_event_dims',
  'with_own_tensors',
]

tfb = tfp.bijectors


class OnePassCache(tfp_compat.BijectorCache):
  """TFP's cache of values, for functions that return (value, attributes).

  The log-det is stored together with the value that it came with. When a value
  is computed again, perhaps with new weights, the log-det stored before is
  dropped. A log-det that is computed without its value is not stored.
  """

  def _invoke(self, input, fn_name, kwargs, attributes):
    output, found = getattr(self.bijector, fn_name)(input, **kwargs)
    attributes.clear()
    attributes.update(found)
    return output

  def _attributes(self, input, fn_name, **kwargs):
    edge = self._get_or_create_edge(input, fn_name, kwargs)
    if not edge.output_ref:  # its value was never stored, or is gone
      edge.attributes.clear()
    return edge.attributes


class FlowBijector(
  tfb.AutoCompositeTensorBijector,
  metaclass=tfp_compat.CompositeBijectorMeta,
):
  """A bijector that computes its value and its log-det together.

  A coupling's shift and its log-det come from one network; TFP asks for them in
  two calls. A subclass implements the pair

  - `_forward_and_log_det(x, **kwargs)` -> (forward(x),
    forward_log_det_jacobian(x)),
  - `_inverse_and_log_det(y, **kwargs)` -> (inverse(y),
    inverse_log_det_jacobian(y)),

  with log-dets summed over `forward_min_event_ndims` dimensions, or a scalar
  if the log-det is the same for all events. TFP's four methods follow from the
  pair; they share results through TFP's cache, so that `log_prob` runs the
  network once.

  A bijector that applies others (a chain, say) implements `parts`, `with_parts`
  and `route` instead of the pair. Everything in `tfp_cinc.tree` then works on
  it too.

  Every subclass is a composite tensor (`tfb.AutoCompositeTensorBijector`): its
  constructor does nothing but store its arguments, each as an attribute of the
  same name with or without a leading underscore. It can therefore be rebuilt
  from its tensors, be an argument of a `tf.function` and be copied and pickled.
  Attributes that are set later are lost in such a rebuilt bijector.

  #### Example

  >>> class Halve(FlowBijector):
  ...   def __init__(self, validate_args=False, name='halve'):
  ...     parameters = dict(locals())
  ...     super().__init__(
  ...       forward_min_event_ndims=1,
  ...       validate_args=validate_args,
  ...       parameters=parameters,
  ...       name=name,
  ...     )
  ...   def _forward_and_log_det(self, x):
  ...     return x / 2, -x.shape[-1] * tf.math.log(tf.cast(2, x.dtype))
  ...   def _inverse_and_log_det(self, y):
  ...     return 2 * y, y.shape[-1] * tf.math.log(tf.cast(2, y.dtype))
  >>> y, log_det = Halve().forward_and_log_det(tf.ones([5, 4]))
  >>> round(float(log_det), 3)
  -2.773

  #### References

  The pair of methods is that of `distrax.Bijector`.
  """

  # The argument by which its networks take a condition.
  condition_keyword = 'condition'

  _cache = OnePassCache(
    forward_name='_forward_with_attributes',
    inverse_name='_inverse_with_attributes',
  )

  def __init__(self, **kwargs):
    """Creates the bijector, as `tfb.Bijector` does."""
    super().__init__(**kwargs)
    tfp_compat.keep_with_graph(self)

  @classmethod
  def _parameter_properties(cls, dtype):
    return {}  # parameters have no batch dimensions

  def forward_and_log_det(self, x, event_ndims: int | None = None, **kwargs):
    """Returns forward(x) and its log-det.

    Args:
      x: `Tensor` [..., *event_shape].
      event_ndims: Number of trailing dimensions over which the log-det is
        summed, at least `forward_min_event_ndims`, which is the default.
      **kwargs: Conditions, as TFP's own methods take them.

    Returns:
      (forward(x), forward_log_det_jacobian(x)). The log-det has the batch shape
      of `x`, or is a scalar if it is the same for all events.
    """
    return self._evaluate(x, False, event_ndims, kwargs)

  def inverse_and_log_det(self, y, event_ndims: int | None = None, **kwargs):
    """Returns inverse(y) and its log-det.

    Args:
      y: `Tensor` [..., *event_shape].
      event_ndims: As in `forward_and_log_det`.
      **kwargs: Conditions.

    Returns:
      (inverse(y), inverse_log_det_jacobian(y)), as in `forward_and_log_det`.
    """
    return self._evaluate(y, True, event_ndims, kwargs)

  def pull_back(
    self, y, dy, dlog_det, event_ndims: int | None = None, **kwargs
  ):
    """Takes gradients back through `forward`, starting from its output.

    It makes training possible without stored activations. The default inverts
    and then runs `forward` again under a tape; a subclass overrides it if it
    has a cheaper way.

    Args:
      y: `Tensor` [..., *event_shape], an output of `forward`.
      dy: The gradient with respect to y.
      dlog_det: The gradient with respect to the log-det, of the batch shape.
      event_ndims: As in `forward_and_log_det`.
      **kwargs: Conditions.

    Returns:
      (x, the gradient with respect to x, a list of the gradients with respect
      to `sources(kwargs)`).
    """
    x, _ = self.inverse_and_log_det(y, event_ndims, **kwargs)
    x = tf.stop_gradient(x)
    return (
      x,
      *gradients_at(self, x, dy, dlog_det, event_ndims, kwargs),
    )

  def sources(self, kwargs: dict) -> list:
    """Returns what `forward` has gradients with respect to, besides its input.

    Args:
      kwargs: Conditions.

    Returns:
      A list of floating tensors and Variables: those that the bijector consists
      of as a composite tensor, those of its conditions, and the Variables of
      networks that are no composite tensors. One that is used twice is in it
      twice.
    """
    own = tensors_of([self, kwargs])
    known = {id(tensor) for tensor in own}
    captured = {id(v): v for v in captured_variables(self)}
    others = [v for key, v in captured.items() if key not in known]
    return [x for x in [*own, *others] if x.dtype.is_floating]

  def parts(self) -> tuple['FlowBijector', ...]:
    """Returns the bijectors that this one applies; a layer has none."""
    return ()

  def with_parts(self, parts) -> 'FlowBijector':
    """Returns this bijector with other parts.

    Args:
      parts: As many bijectors as `parts()` has, in the same order.

    Returns:
      A new bijector of the same class.
    """
    if self.parts():
      raise NotImplementedError(
        f'{type(self).__name__} has parts; it must define `with_parts` too.'
      )
    return self

  def route(self, x, run: Callable, invert: bool, kwargs: dict):
    """Takes x through the parts.

    Args:
      x: `Tensor` [..., *event_shape].
      run: Called as `run(i, x, invert, kwargs)` for each part in turn, i being
        its index in `parts()`; returns what the part, or its inverse, makes of
        x.
      invert: Whether the inverse of this bijector is meant.
      kwargs: Conditions of this bijector.

    Returns:
      The output of this bijector, or of its inverse.
    """
    raise NotImplementedError(
      f'{type(self).__name__} must define `route`, or both '
      '`_forward_and_log_det` and `_inverse_and_log_det`.'
    )

  def own_networks(self) -> tuple:
    """Returns the networks of this bijector, without those of its parts."""
    return ()

  def map_networks(self, function: Callable) -> 'FlowBijector':
    """Returns this bijector with `function(network)` in place of each network.

    Args:
      function: From a network to a network.

    Returns:
      A new bijector, or this one if it has no networks.
    """
    del function
    return self

  # As `tf.Module` defines them, which takes seconds for a deep flow.
  @property
  def variables(self) -> tuple[tf.Variable, ...]:
    """The Variables that it consists of, each once."""
    return variables_of(self)

  @property
  def trainable_variables(self) -> tuple[tf.Variable, ...]:
    """The trainable ones of `variables`."""
    return tuple(v for v in self.variables if v.trainable)

  @property
  def initialized(self) -> bool | tf.Tensor:
    """Whether its Variables are set from data, or need not be."""
    return True

  def initialize(self, x, invert: bool = False) -> None:
    """Sets Variables from data, see `tfp_cinc.initialize_from_data`.

    Args:
      x: `Tensor` [N, *event_shape] of concrete values, the first inputs of
        `forward`; or of `inverse`.
      invert: Whether the flow uses `inverse` from image to latent.
    """
    del x, invert

  @property
  def only_permutes(self) -> bool:
    """Whether it moves numbers to other places and changes none of them."""
    return False

  def freeze(self, event_shape) -> 'FlowBijector':
    """Returns this bijector with constants in place of its Variables.

    A subclass adds what can be computed from the weights in advance. Parts are
    frozen by `tfp_cinc.freeze`, not here.

    Args:
      event_shape: Shape of the inputs of `forward`.

    Returns:
      A new bijector, or this one if it has no Variables.
    """
    del event_shape
    if self.parts():
      return self
    own = with_module_copies(self)
    return with_tensors(own, map(tf.convert_to_tensor, tensors_of(own)))

  def _evaluate(self, x, invert, event_ndims, kwargs):
    """`forward_and_log_det`, or `inverse_and_log_det`."""
    x = self._validated(tf.convert_to_tensor(x, dtype=self.dtype))
    if invert:
      y, log_det = self._inverse_and_log_det(x, **kwargs)
      ndims = self.inverse_min_event_ndims
    else:
      y, log_det = self._forward_and_log_det(x, **kwargs)
      ndims = self.forward_min_event_ndims
    self._check_log_det(log_det, x, ndims)
    if event_ndims is not None and event_ndims != ndims:
      log_det = sum_event_dims(log_det, x, ndims, event_ndims)
    return y, log_det

  def _validated(self, x):
    """Returns x; with `validate_args` after checking it and the parameters."""
    if not self.validate_args:
      return x
    checks = self._parameter_control_dependencies(is_init=False)
    if x.dtype.is_floating:
      message = f'{self.name}: the input has values that are not finite.'
      finite = tf.reduce_all(tf.math.is_finite(x))
      checks = [*checks, tf.debugging.Assert(finite, [message])]
    with tf.control_dependencies([c for c in checks if c is not None]):
      return tf.identity(x)

  # What TFP calls. Its own `__hash__` goes through all parameters of all nested
  # bijectors at each look into its cache, which takes longer than the rest of a
  # trace.
  __hash__ = object.__hash__

  def __eq__(self, other):
    return self is other

  def _check_log_det(self, log_det, x, ndims):
    """Raises `ValueError` if a log-det is not summed over all of an event."""
    if (log_det.shape.rank or 0) > x.shape.rank - ndims:
      raise ValueError(
        f'{self.name} returned a log-det of shape {log_det.shape} for events '
        f'of {ndims} dimensions in {x.shape}; it must be summed over these '
        'dimensions.'
      )

  def _forward_with_attributes(self, x, **kwargs):
    y, log_det = self._forward_and_log_det(self._validated(x), **kwargs)
    self._check_log_det(log_det, x, self.forward_min_event_ndims)
    return y, {'ildj': -log_det}

  def _inverse_with_attributes(self, y, **kwargs):
    x, log_det = self._inverse_and_log_det(self._validated(y), **kwargs)
    self._check_log_det(log_det, y, self.inverse_min_event_ndims)
    return x, {'ildj': log_det}

  def _forward_and_log_det(self, x, **kwargs):
    return self._route_with_log_det(x, kwargs, invert=False)

  def _inverse_and_log_det(self, y, **kwargs):
    return self._route_with_log_det(y, kwargs, invert=True)

  def _route_with_log_det(self, x, kwargs, invert):
    ndims = (
      self.inverse_min_event_ndims if invert else self.forward_min_event_ndims
    )
    batch_ndims = x.shape.rank - ndims
    log_dets = []

    parts = self.parts()
    for part in parts:
      if not isinstance(part, FlowBijector):
        raise ValueError(
          f'{self.name} has the part {part!r}; parts must be `FlowBijector`s, '
          'as `tfp_cinc.bijectors.as_flow_bijector` makes them.'
        )

    def run(i, x, invert, kwargs):
      event_ndims = x.shape.rank - batch_ndims
      y, log_det = parts[i]._evaluate(x, invert, event_ndims, kwargs)
      log_dets.append(log_det)
      return y

    if not parts and type(self).route is not FlowBijector.route:
      raise NotImplementedError(
        f'{type(self).__name__} has `route`; it must define `parts` too.'
      )
    y = self.route(x, run, invert, kwargs)
    return y, sum(log_dets[1:], log_dets[0])

  # TFP looks for these by name to know what a bijector can do.
  def _forward(self, x, **kwargs):
    return self._forward_and_log_det(x, **kwargs)[0]

  def _inverse(self, y, **kwargs):
    return self._inverse_and_log_det(y, **kwargs)[0]

  def _forward_log_det_jacobian(self, x, **kwargs) -> tf.Tensor:
    return self._forward_and_log_det(x, **kwargs)[1]

  def _inverse_log_det_jacobian(self, y, **kwargs) -> tf.Tensor:
    return self._inverse_and_log_det(y, **kwargs)[1]


class BijectorWrapper(FlowBijector):
  """A container of one bijector, the attribute `_bijector`.

  Subclasses implement the constructor and `route`, and `pull_back` if the parts
  of a deep bijector are to be inverted one by one.
  """

  @property
  def bijector(self) -> FlowBijector:
    """The bijector that is applied."""
    return self._bijector

  def parts(self) -> tuple[FlowBijector]:
    """Returns the bijector."""
    return (self._bijector,)

  def with_parts(self, parts) -> 'BijectorWrapper':
    """Returns the same around another bijector."""
    [bijector] = parts
    return self.copy(bijector=bijector)

  def sources(self, kwargs: dict) -> list:
    """As in `FlowBijector`: those of the bijector."""
    return self._bijector.sources(kwargs)


class ConstantJacobianBijector(FlowBijector):
  """A bijector whose log-det depends only on the number of pixels.

  Subclasses implement `_forward`, `_inverse` and `_forward_log_det_jacobian`,
  which returns a scalar and reads nothing of its argument but H and W.
  """

  def __init__(self, **kwargs):
    """Creates the bijector, as `tfb.Bijector` does."""
    super().__init__(is_constant_jacobian=True, **kwargs)

  # The value is computed without the log-det, which does not depend on it.
  def _forward_with_attributes(self, x):
    return self._forward(self._validated(x)), {}

  def _inverse_with_attributes(self, y):
    return self._inverse(self._validated(y)), {}

  def _forward_and_log_det(self, x):
    return self._forward(x), self._forward_log_det_jacobian(x)

  def _inverse_and_log_det(self, y):
    return self._inverse(y), self._inverse_log_det_jacobian(y)

  def _inverse_log_det_jacobian(self, y):
    return -self._forward_log_det_jacobian(y)


def num_pixels(x) -> tf.Tensor:
  """Returns H * W of images [..., H, W, C], as a scalar of their dtype."""
  if x.shape.rank is not None and None not in x.shape[-3:-1]:
    return tf.constant(x.shape[-3] * x.shape[-2], x.dtype)
  return tf.cast(tf.reduce_prod(tf.shape(x)[-3:-1]), x.dtype)


def sum_event_dims(log_det, x, ndims: int, event_ndims: int | None):
  """Sums a log-det over more event dimensions.

  Args:
    log_det: Of events of the last `ndims` dimensions of `x`: a scalar, or of a
      shape that broadcasts with the other dimensions.
    x: `Tensor`.
    ndims: How many dimensions of `x` the log-det is summed over already.
    event_ndims: How many it is to be summed over, None for `ndims`.

  Returns:
    `Tensor` of the first `rank(x) - event_ndims` dimensions, or a scalar.
  """
  if event_ndims is None or event_ndims == ndims:
    return log_det
  if event_ndims < ndims:
    raise ValueError(
      f'`event_ndims` is {event_ndims}; it must be at least {ndims}.'
    )
  first, last = x.shape.rank - event_ndims, x.shape.rank - ndims
  if log_det.shape.rank == 0:  # the same for all
    sizes = x.shape[first:last]
    if None in sizes:
      return log_det * tf.cast(tf.reduce_prod(tf.shape(x)[first:last]), x.dtype)
    return log_det * tf.cast(sizes.num_elements(), x.dtype)
  if log_det.shape != x.shape[:last]:
    log_det = tf.broadcast_to(log_det, tf.shape(x)[:last])
  return tf.reduce_sum(log_det, axis=range(first, last))


def with_own_tensors(bijector, kwargs):
  """Returns a bijector and its conditions, of tensors of the current graph.

  A tape finds no gradient to a tensor of another graph, such as that of a loop.

  Args:
    bijector: The bijector.
    kwargs: Its conditions.

  Returns:
    (bijector, kwargs, its `sources`, a function from the gradients with respect
    to these to those with respect to the sources of the original bijector).
  """
  originals, whole = bijector.sources(kwargs), [bijector, kwargs]
  bijector, kwargs = with_tensors(whole, map(tf.identity, tensors_of(whole)))
  places = bijector.sources(kwargs)

  def of_originals(gradients):
    # Captured Variables are places of their own beside a tensor of their value.
    by_place = dict(zip(map(id, places), gradients, strict=True))
    pairs = zip(originals, gradients, strict=False)
    return [by_place.get(id(place), gradient) for place, gradient in pairs]

  return bijector, kwargs, places, of_originals


def gradients_at(bijector, x, dy, dlog_det, event_ndims, kwargs):
  """Takes gradients back through `forward`, starting from its input.

  Args:
    bijector: The bijector.
    x: `Tensor`, its input.
    dy: As in `FlowBijector.pull_back`, like all that follow.
    dlog_det: The gradient with respect to the log-det.
    event_ndims: How many dimensions the log-det is summed over.
    kwargs: Conditions.

  Returns:
    (the gradient with respect to x, those with respect to
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
