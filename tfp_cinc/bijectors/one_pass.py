"""Bijectors that find a value and its log-det in the same pass."""

import contextlib

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.functional import source

__all__ = [
  'ConstantJacobianBijector',
  'OnePassBijector',
  'gradients',
  'num_pixels',
  'pull_back',
  'pull_back_at',
  'recording',
  'sources',
  'value_and_log_det',
]

tfb = tfp.bijectors


class OnePassBijector(tfb.Bijector):
  """A bijector whose value and log-det come from one computation.

  A coupling's shift and its log-det come from one network. TFP asks for them
  by two calls; a subclass computes both at once and they meet in TFP's cache,
  so that `log_prob` runs the network once.

  Subclasses implement `_forward_and_log_det(x, **kwargs)`, which returns
  (forward(x), forward_log_det_jacobian(x)), and `_inverse_and_log_det(y,
  **kwargs)`, which returns (inverse(y), inverse_log_det_jacobian(y)), the
  log-dets summed over `forward_min_event_ndims` dimensions.
  """

  _cache = tfp_compat.OnePassCache(
    forward_name='_forward_with_attributes',
    inverse_name='_inverse_with_attributes',
  )

  @classmethod
  def _parameter_properties(cls, dtype):
    return {}  # of tensors that may have batch dimensions

  def _forward_with_attributes(self, x, **kwargs):
    y, log_det = self._forward_and_log_det(self._validated(x), **kwargs)
    return y, {'ildj': -log_det}

  def _inverse_with_attributes(self, y, **kwargs):
    x, log_det = self._inverse_and_log_det(self._validated(y), **kwargs)
    return x, {'ildj': log_det}

  def _validated(self, x):
    """With `validate_args`, x once it is known to be finite."""
    if not self.validate_args:
      return x
    message = f'{self.name}: the input has values that are not finite.'
    finite = tf.debugging.Assert(tf.reduce_all(tf.math.is_finite(x)), [message])
    with tf.control_dependencies([] if finite is None else [finite]):
      return tf.identity(x)

  # TFP's own hash goes through all parameters of all nested bijectors, at each
  # look into its cache: more time than the rest of a trace.
  __hash__ = object.__hash__

  def __eq__(self, other):
    return self is other

  # TFP looks for these by name to know what a bijector can do.
  def _forward(self, x, **kwargs):
    return self._forward_and_log_det(x, **kwargs)[0]

  def _inverse(self, y, **kwargs):
    return self._inverse_and_log_det(y, **kwargs)[0]

  def _forward_log_det_jacobian(self, x, **kwargs) -> tf.Tensor:
    return self._forward_and_log_det(x, **kwargs)[1]

  def _inverse_log_det_jacobian(self, y, **kwargs) -> tf.Tensor:
    return self._inverse_and_log_det(y, **kwargs)[1]


class ConstantJacobianBijector(OnePassBijector):
  """A bijector whose log-det depends on nothing but the number of pixels.

  Subclasses implement `_forward`, `_inverse` and `_forward_log_det_jacobian`,
  which returns a scalar and reads no more of its argument than H and W.
  """

  def __init__(self, **kwargs):
    """Creates the bijector, as `tfb.Bijector` does."""
    super().__init__(is_constant_jacobian=True, **kwargs)

  # A value alone costs no log-det, which does not depend on it.
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
  """H * W of images [..., H, W, C], as a scalar of their dtype."""
  if x.shape.rank is not None and None not in x.shape[-3:-1]:
    return tf.constant(x.shape[-3] * x.shape[-2], x.dtype)
  return tf.cast(tf.reduce_prod(tf.shape(x)[-3:-1]), x.dtype)


def value_and_log_det(bijector: tfb.Bijector, x, invert: bool, **kwargs):
  """A bijector's value and log-det on images, past TFP's cache where it can.

  Args:
    bijector: any bijector of images.
    x: `Tensor` [..., H, W, C].
    invert: whether its inverse is meant.
    **kwargs: conditions of the bijector.

  Returns:
    (forward(x), its log-det over the last three dimensions), or those of the
    inverse.
  """
  ndims = bijector.forward_min_event_ndims
  if isinstance(bijector, OnePassBijector) and ndims in (1, 3):
    x = bijector._validated(x)
    if invert:
      y, log_det = bijector._inverse_and_log_det(x, **kwargs)
    else:
      y, log_det = bijector._forward_and_log_det(x, **kwargs)
    if ndims == 1:  # the same map at every pixel
      if log_det.shape.rank == 0:  # one for all pixels
        log_det *= num_pixels(x)
      else:
        log_det = tf.reduce_sum(log_det, axis=[-2, -1])
    return y, log_det
  if invert:
    return (
      bijector.inverse(x, **kwargs),
      bijector.inverse_log_det_jacobian(x, 3, **kwargs),
    )
  return (
    bijector.forward(x, **kwargs),
    bijector.forward_log_det_jacobian(x, 3, **kwargs),
  )


def pull_back(bijector: tfb.Bijector, y, dy, dlog_det, kwargs):
  """Takes gradients back through `forward`, from the output alone.

  A bijector with a cheaper way than its inverse and another forward pass has a
  method `_pull_back` of the same arguments.

  Args:
    bijector: any bijector of images.
    y: its output [..., H, W, C].
    dy: the gradient in y.
    dlog_det: the gradient in the log-det, [...].
    kwargs: conditions of the bijector.

  Returns:
    (x, the gradient in x, a list of the gradients in `sources(bijector,
    kwargs)`).
  """
  if hasattr(bijector, '_pull_back'):
    return bijector._pull_back(y, dy, dlog_det, kwargs)
  x, _ = value_and_log_det(bijector, y, invert=True, **kwargs)
  x = tf.stop_gradient(x)
  return (x, *pull_back_at(bijector, x, dy, dlog_det, kwargs))


def pull_back_at(bijector: tfb.Bijector, x, dy, dlog_det, kwargs):
  """Takes gradients back through `forward`, from the input.

  Args:
    bijector: as in `pull_back`, like all that follow but x.
    x: its input [..., H, W, C].
    dy: the gradient in y.
    dlog_det: the gradient in the log-det.
    kwargs: conditions.

  Returns:
    (the gradient in x, those in `sources(bijector, kwargs)`).
  """
  with recording(bijector, x, kwargs) as tape:
    y, log_det = value_and_log_det(bijector, x, invert=False, **kwargs)
  return gradients(tape, y, log_det, x, dy, dlog_det, bijector, kwargs)


def sources(bijector: tfb.Bijector, kwargs) -> list:
  """What has gradients beside the input: conditions, then Variables."""
  return [*tf.nest.flatten(kwargs), *bijector.trainable_variables]


@contextlib.contextmanager
def recording(bijector, x, kwargs):
  """A tape that watches x and the `sources` of a bijector."""
  with tf.GradientTape() as tape:
    tape.watch([x, *map(source, sources(bijector, kwargs))])
    yield tape


def gradients(tape, y, log_det, x, dy, dlog_det, bijector, kwargs):
  """What `pull_back_at` returns, from a tape that saw y and log-det computed.

  x may be a structure of tensors. Where there is no gradient it is zeros.
  """
  if log_det.shape.rank == 0:  # a constant Jacobian: the same for all
    dlog_det = tf.reduce_sum(dlog_det)
  dx, *found = tape.gradient(
    [y, log_det],
    [x, *map(source, sources(bijector, kwargs))],
    output_gradients=[dy, dlog_det],
    unconnected_gradients=tf.UnconnectedGradients.ZERO,
  )
  return dx, found
