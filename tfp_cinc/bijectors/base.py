"""Base classes of all bijectors of this package.

More than 300 lines: `FlowBijector` is the protocol together with the methods of
TFP that are derived from it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.gradients import gradients_at
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.composite import (
  captured_variables,
  tensors_of,
  variables_of,
  with_module_copies,
  with_tensors,
)
from tfp_cinc.internal.types import TensorLike
from tfp_cinc.networks.conditioned_network import broadcast_to_condition

__all__ = [
  'BijectorWrapper',
  'ConstantJacobianBijector',
  'FlowBijector',
  'num_pixels',
  'sum_event_dims',
]

tfb = tfp.bijectors


class OnePassCache(tfp_compat.BijectorCache):
  """TFP's bijector cache, for functions that return (value, attributes).

  The log-det is cached together with its value. When the value is recomputed,
  perhaps with new weights, the old log-det is discarded. A log-det that is
  computed without its value is not cached. Each graph has a cache of its own.
  """

  def __get__(self, bijector, bijector_class=None):
    """Returns the cache of a bijector, as TFP does."""
    cache = super().__get__(bijector, bijector_class)
    if not tf.executing_eagerly():
      cache.storage = tfp_compat.graph_cache()
    return cache

  def _invoke(self, input, fn_name, kwargs, attributes):
    output, found = getattr(self.bijector, fn_name)(input, **kwargs)
    attributes.clear()
    attributes.update(found)
    return output

  def _attributes(self, input, fn_name, **kwargs):
    edge = self._get_or_create_edge(input, fn_name, kwargs)
    if not edge.output_ref:  # the value was never cached or no longer exists
      edge.attributes.clear()
    return edge.attributes


class FlowBijector(
  tfb.AutoCompositeTensorBijector,
  metaclass=tfp_compat.CompositeBijectorMeta,
):
  """Base class of bijectors that compute value and log-det together.

  In a coupling, for example, value and log-det come from one network, but TFP
  asks for them in two calls. A subclass implements two methods:

  - `_forward_and_log_det(x, **kwargs)` -> (forward(x),
    forward_log_det_jacobian(x)),
  - `_inverse_and_log_det(y, **kwargs)` -> (inverse(y),
    inverse_log_det_jacobian(y)).

  The log-det is summed over the last `forward_min_event_ndims` dimensions. It
  is a scalar if it is the same for all events. TFP's four methods are derived
  from these two. They share results through TFP's cache, so that `log_prob`
  runs the network only once.

  If its parameters may have batch dimensions, it also implements
  `_parameter_properties`, as TFP's bijectors do. Without it TFP takes all
  parameters for those of a single bijector.

  A container, such as a chain, implements `parts`, `with_parts` and `route`
  instead. The functions of `tfp_cinc.tree` then work on it too.

  Every subclass is a composite tensor (`tfb.AutoCompositeTensorBijector`). It
  can be rebuilt from its tensors, passed to a `tf.function`, copied and
  pickled. Therefore the constructor must only store its arguments, each as an
  attribute of the same name, with or without a leading underscore. Attributes
  that are set later are lost when the bijector is rebuilt.

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

  `forward_and_log_det` and `inverse_and_log_det` follow `distrax.Bijector`.
  """

  # Name of the keyword argument that passes a condition to the networks.
  condition_keyword = 'condition'

  _cache = OnePassCache(
    forward_name='_forward_with_attributes',
    inverse_name='_inverse_with_attributes',
  )

  def __init__(self, **kwargs: Any):
    """Creates the bijector. The arguments are those of `tfb.Bijector`.

    Raises:
      ValueError: If `dtype` is neither None nor float32 or float64.
    """
    super().__init__(**kwargs)
    if self.dtype not in (None, tf.float32, tf.float64):
      raise ValueError(
        f'{self.name} has the dtype {tf.as_dtype(self.dtype).name}; layers have'
        ' float32 or float64. Networks can compute in bfloat16 or float16, by '
        'their argument `network_dtype`.'
      )
    tfp_compat.keep_with_graph(self)

  @classmethod
  def _parameter_properties(cls, dtype):
    return {}  # parameters have no batch dimensions

  def _broadcast_parameters_with_batch_shape(self, batch_shape, x_event_ndims):
    # TFP would give the parameters batch dimensions, which layers do not take.
    if self.experimental_batch_shape(x_event_ndims).rank == 0:
      return self
    return super()._broadcast_parameters_with_batch_shape(
      batch_shape, x_event_ndims
    )

  def forward_and_log_det(
    self, x: TensorLike, event_ndims: int | None = None, **kwargs: Any
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns forward(x) and its log-det.

    Args:
      x: `Tensor` [..., *event_shape].
      event_ndims: Number of trailing dimensions to sum the log-det over, at
        least `forward_min_event_ndims`, which is the default.
      **kwargs: Conditions, as in TFP's own methods.

    Returns:
      (forward(x), forward_log_det_jacobian(x)). The log-det has the batch shape
      of `x`, or is a scalar if it is the same for all events.
    """
    return self._evaluate(x, False, event_ndims, kwargs)

  def inverse_and_log_det(
    self, y: TensorLike, event_ndims: int | None = None, **kwargs: Any
  ) -> tuple[tf.Tensor, tf.Tensor]:
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
    self,
    y: tf.Tensor,
    dy: tf.Tensor,
    dlog_det: tf.Tensor,
    event_ndims: int | None = None,
    **kwargs: Any,
  ) -> tuple[tf.Tensor, tf.Tensor, list]:
    """Backpropagates through `forward`, given its output.

    This allows training without storing activations. The default implementation
    inverts `y` and runs `forward` again under a tape. A subclass can override
    it with a cheaper method.

    Args:
      y: `Tensor` [..., *event_shape], an output of `forward`.
      dy: Gradient with respect to `y`.
      dlog_det: Gradient with respect to the log-det. It has the batch shape.
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
    """Returns the tensors, besides the input, that `forward` depends on.

    Args:
      kwargs: Conditions.

    Returns:
      A list of floating tensors and Variables: the tensors of the bijector as a
      composite tensor, those of the conditions, and the Variables of networks
      that are not composite tensors. A tensor that is used twice appears twice.
    """
    own = tensors_of([self, kwargs])
    known = {id(tensor) for tensor in own}
    captured = {id(v): v for v in captured_variables(self)}
    others = [v for key, v in captured.items() if key not in known]
    return [x for x in [*own, *others] if x.dtype.is_floating]

  def parts(self) -> tuple['FlowBijector', ...]:
    """Returns the bijectors that this one applies; none for a layer."""
    return ()

  def with_parts(self, parts: Sequence['FlowBijector']) -> 'FlowBijector':
    """Returns this bijector with other parts.

    Args:
      parts: New parts, as many as `parts()` returns and in the same order.

    Returns:
      A new bijector of the same class.
    """
    if self.parts():
      raise NotImplementedError(
        f'{type(self).__name__} has parts; it must define `with_parts` too.'
      )
    return self

  def route(
    self, x: tf.Tensor, run: Callable, invert: bool, kwargs: dict
  ) -> tf.Tensor:
    """Passes x through the parts.

    Args:
      x: `Tensor` [..., *event_shape].
      run: Function that applies a part: `run(i, x, invert, kwargs)` returns
        `parts()[i].forward(x, **kwargs)`, or `inverse` instead of `forward` if
        `invert`.
      invert: Whether to apply the inverse of this bijector.
      kwargs: Conditions of this bijector.

    Returns:
      The output of this bijector, or of its inverse.
    """
    raise NotImplementedError(
      f'{type(self).__name__} must define `route`, or both '
      '`_forward_and_log_det` and `_inverse_and_log_det`.'
    )

  def own_networks(self) -> tuple:
    """Returns the networks of this bijector, excluding those of its parts."""
    return ()

  def map_networks(self, function: Callable) -> 'FlowBijector':
    """Returns this bijector with `function(network)` in place of each network.

    Args:
      function: Function from a network to a network.

    Returns:
      A new bijector, or this one if it has no networks.
    """
    del function
    return self

  # The implementation of `tf.Module` takes seconds for a deep flow.
  @property
  def variables(self) -> tuple[tf.Variable, ...]:
    """The Variables of this bijector, each once."""
    return variables_of(self)

  @property
  def trainable_variables(self) -> tuple[tf.Variable, ...]:
    """The trainable Variables of this bijector, each once."""
    return tuple(v for v in self.variables if v.trainable)

  @property
  def initialized(self) -> bool | tf.Tensor:
    """False if Variables have yet to be initialized from data."""
    return True

  def initialize(self, x: tf.Tensor, invert: bool = False) -> None:
    """Initializes Variables from data; see `tfp_cinc.initialize_from_data`.

    Args:
      x: `Tensor` [N, *event_shape] with concrete values: inputs of `forward`,
        or of `inverse` if `invert`.
      invert: Whether the flow applies `inverse` from image to latent.
    """
    del x, invert

  @property
  def only_permutes(self) -> bool:
    """Whether the bijector only permutes the entries of an event."""
    return False

  def freeze(self, event_shape: Sequence[int]) -> 'FlowBijector':
    """Returns this bijector with constants in place of its Variables.

    A subclass can also precompute values that depend only on the weights. The
    parts of a container are frozen by `tfp_cinc.freeze`, not by this method.

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
    """Runs `forward_and_log_det`, or `inverse_and_log_det` if `invert`."""
    ndims, y_ndims = self.forward_min_event_ndims, self.inverse_min_event_ndims
    if invert:
      ndims, y_ndims = y_ndims, ndims
    x = self._validated(tf.convert_to_tensor(x, dtype=self.dtype), ndims)
    if invert:
      y, log_det = self._inverse_and_log_det(x, **kwargs)
    else:
      y, log_det = self._forward_and_log_det(x, **kwargs)
    self._check_log_det(log_det, x, ndims)
    if y.shape.rank != x.shape.rank - ndims + y_ndims:
      raise ValueError(
        f'{self.name} has the output shape {y.shape} for an input of shape '
        f'{x.shape}; the input must have the batch dimensions of the '
        "bijector's parameters."
      )
    if event_ndims is not None and event_ndims != ndims:
      log_det = sum_event_dims(log_det, x, ndims, event_ndims)
    return y, log_det

  def _validated(self, x, event_ndims):
    """Returns x with the batch shape of conditions, after checking it."""
    if x.shape.rank is None or x.shape.rank < event_ndims:
      raise ValueError(
        f'{self.name}: the input has '
        f'{"unknown rank" if x.shape.rank is None else f"shape {x.shape}"}; '
        f'this layer needs a rank of at least {event_ndims}.'
      )
    if event_ndims >= 3 and x.shape[-1] is None:
      raise ValueError(
        f'{self.name}: the input has an unknown number of channels; set it by '
        '`tf.ensure_shape`.'
      )
    for network in self.own_networks():
      if hasattr(network, 'condition'):
        x = broadcast_to_condition(network, x, event_ndims)
    if not self.validate_args:
      return x
    checks = self._parameter_control_dependencies(is_init=False)
    if x.dtype.is_floating:
      message = f'{self.name}: the input contains values that are not finite.'
      finite = tf.reduce_all(tf.math.is_finite(x))
      checks = [*checks, tf.debugging.Assert(finite, [message])]
    with tf.control_dependencies([c for c in checks if c is not None]):
      return tf.identity(x)

  # TFP's own `__hash__` visits all parameters of all nested bijectors at each
  # cache lookup, which takes longer than the rest of a trace.
  def __hash__(self):
    return hash((type(self), self.name))

  def __eq__(self, other):
    """Whether both have the same class, name, arguments and Variables."""
    if self is other:
      return True
    if type(self) is not type(other) or self.name != other.name:
      return False
    ours, theirs = tensors_of(self), tensors_of(other)
    return (
      len(ours) == len(theirs)
      and all(map(_is_equal, ours, theirs))
      and self._type_spec == other._type_spec
    )

  def _check_log_det(self, log_det, x, ndims):
    """Raises `ValueError` unless a log-det is summed over all of an event."""
    if (log_det.shape.rank or 0) > x.shape.rank - ndims:
      raise ValueError(
        f'{self.name} returned a log-det of shape {log_det.shape} for an input '
        f'of shape {x.shape} with {ndims} event dimensions; it must be summed '
        'over these dimensions, and the input must have the batch dimensions '
        "of the bijector's parameters."
      )

  def _forward_with_attributes(self, x, **kwargs):
    y, log_det = self._forward_and_log_det(
      self._validated(x, self.forward_min_event_ndims), **kwargs
    )
    self._check_log_det(log_det, x, self.forward_min_event_ndims)
    return y, {'ildj': -log_det}

  def _inverse_with_attributes(self, y, **kwargs):
    x, log_det = self._inverse_and_log_det(
      self._validated(y, self.inverse_min_event_ndims), **kwargs
    )
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
          f'{self.name} has the part {part!r}, which is not a `FlowBijector`; '
          'convert it by `tfp_cinc.bijectors.as_flow_bijector`.'
        )

    def run(i, x, invert, kwargs):
      event_ndims = x.shape.rank - batch_ndims
      y, log_det = parts[i]._evaluate(x, invert, event_ndims, kwargs)
      log_dets.append(log_det)
      return y

    if not parts and type(self).route is not FlowBijector.route:
      raise NotImplementedError(
        f'{type(self).__name__} defines `route`; it must define `parts` too.'
      )
    y = self.route(x, run, invert, kwargs)
    return y, sum(log_dets[1:], log_dets[0])

  # TFP looks for these methods by name to find out what a bijector supports.
  def _forward(self, x, **kwargs):
    return self._forward_and_log_det(x, **kwargs)[0]

  def _inverse(self, y, **kwargs):
    return self._inverse_and_log_det(y, **kwargs)[0]

  def _forward_log_det_jacobian(self, x, **kwargs) -> tf.Tensor:
    return self._forward_and_log_det(x, **kwargs)[1]

  def _inverse_log_det_jacobian(self, y, **kwargs) -> tf.Tensor:
    return self._inverse_and_log_det(y, **kwargs)[1]


def _is_equal(a, b):
  """Whether two tensors are the same one, or constants of equal values."""
  if a is b:
    return True
  if isinstance(a, tf.Variable) or isinstance(b, tf.Variable):
    return False
  a, b = map(tf.get_static_value, (a, b))
  return a is not None and b is not None and np.array_equal(a, b)


class BijectorWrapper(FlowBijector):
  """Base class of containers of one bijector, stored as `_bijector`.

  A subclass implements the constructor and `route`. If it also implements
  `pull_back`, the layers of a deep bijector are inverted one by one.
  """

  @classmethod
  def _parameter_properties(cls, dtype):
    return {
      'bijector': tfp_compat.BatchedComponentProperties(
        event_ndims=lambda self, ndims: self._inner_event_ndims(ndims)
      )
    }

  def _inner_event_ndims(self, event_ndims):
    """Returns the rank of events of the wrapped bijector."""
    return event_ndims

  @property
  def bijector(self) -> FlowBijector:
    """The wrapped bijector."""
    return self._bijector

  def parts(self) -> tuple[FlowBijector]:
    """Returns a tuple with the wrapped bijector."""
    return (self._bijector,)

  def with_parts(self, parts: Sequence[FlowBijector]) -> 'BijectorWrapper':
    """Returns the same container of another bijector."""
    [bijector] = parts
    return self.copy(bijector=bijector)

  def sources(self, kwargs: dict) -> list:
    """Returns the sources of the wrapped bijector."""
    return self._bijector.sources(kwargs)


class ConstantJacobianBijector(FlowBijector):
  """Base class of bijectors whose log-det depends only on the image size.

  A subclass implements `_forward`, `_inverse` and `_forward_log_det_jacobian`.
  The last one returns a scalar and may use only H and W of its argument.
  """

  def __init__(self, **kwargs: Any):
    """Creates the bijector. The arguments are those of `tfb.Bijector`."""
    super().__init__(is_constant_jacobian=True, **kwargs)

  # These compute only the value, because the log-det does not depend on it.
  def _forward_with_attributes(self, x):
    return self._forward(self._validated(x, self.forward_min_event_ndims)), {}

  def _inverse_with_attributes(self, y):
    return self._inverse(self._validated(y, self.inverse_min_event_ndims)), {}

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
    log_det: Log-det that is summed over the last `ndims` dimensions of `x`: a
      scalar, or a `Tensor` that broadcasts with the other dimensions.
    x: `Tensor`, the input of the bijector.
    ndims: Number of dimensions that the log-det is already summed over.
    event_ndims: Number of dimensions to sum it over. None means `ndims`.

  Returns:
    `Tensor` with the first `rank(x) - event_ndims` dimensions of `x`, or a
    scalar.
  """
  if event_ndims is None or event_ndims == ndims:
    return log_det
  if event_ndims < ndims:
    raise ValueError(
      f'`event_ndims` is {event_ndims}; it must be at least {ndims}.'
    )
  first, last = x.shape.rank - event_ndims, x.shape.rank - ndims
  if log_det.shape.rank == 0:  # the same for all events
    sizes = x.shape[first:last]
    if None in sizes:
      return log_det * tf.cast(tf.reduce_prod(tf.shape(x)[first:last]), x.dtype)
    return log_det * tf.cast(sizes.num_elements(), x.dtype)
  if log_det.shape != x.shape[:last]:
    # The parameters of the bijector may have more batch dimensions than x.
    log_det += tf.zeros(tf.shape(x)[:last], log_det.dtype)
  return tf.reduce_sum(log_det, axis=range(first, last))
