"""Bijectors that are wrong on purpose: each check must reject one of them."""

import itertools

import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc
from tests.zoo import Case
from tfp_cinc.bijectors import FlowBijector

tfb = tfp.bijectors


class Scaled(FlowBijector):
  """x * exp(log_scale), rightly; the subclasses each break one thing."""

  def __init__(self, log_scale, validate_args=False, name='scaled'):
    parameters = dict(locals())
    with tf.name_scope(name) as name:
      self.log_scale = log_scale
      super().__init__(
        forward_min_event_ndims=3,
        dtype=log_scale.dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  def _forward(self, x):
    return x * tf.exp(self.log_scale)

  def _inverse(self, y):
    return y * tf.exp(-self.log_scale)

  def _forward_log_det_jacobian(self, x):
    size = tf.reduce_prod(tf.shape(x)[-3:])
    return self.log_scale * tf.cast(size, x.dtype)

  def _forward_and_log_det(self, x):
    return self._forward(x), self._forward_log_det_jacobian(x)

  def _inverse_and_log_det(self, y):
    return self._inverse(y), -self._forward_log_det_jacobian(y)


class TakesAnything(Scaled):
  def _validated(self, x, event_ndims):
    return x


class WrongInverse(Scaled):
  def _inverse(self, y):
    return y * tf.exp(self.log_scale)


class WrongLogDet(Scaled):
  def _forward_log_det_jacobian(self, x):
    return self.log_scale


class OverflowsFarFromZero(Scaled):
  def _forward(self, x):
    return tf.where(tf.abs(x) < 5, super()._forward(x), float('inf'))


class MixesTheBatch(Scaled):
  def _forward(self, x):
    return x * tf.exp(self.log_scale) - tf.reduce_mean(x)


class WrongShape(Scaled):
  def _forward_event_shape(self, input_shape):
    return input_shape[::-1]


class WrongDtype(Scaled):
  def _forward_log_det_jacobian(self, x):
    return tf.cast(super()._forward_log_det_jacobian(x), tf.float16)


class EagerOnly(Scaled):
  def _forward(self, x):
    return super()._forward(x) * (1.0 if tf.executing_eagerly() else 2.0)


class KeepsTensors(Scaled):
  tensors = ()

  def _forward(self, x):
    KeepsTensors.tensors += (x,)
    return super()._forward(x)


class StoppedGradient(Scaled):
  def _forward(self, x):
    return x * tf.exp(tf.stop_gradient(self.log_scale))


class OnlyFirstDerivatives(Scaled):
  def _forward(self, x):
    @tf.custom_gradient
    def scaled(x, log_scale):
      y = x * tf.exp(log_scale)

      def gradient(dy):
        dx, dscale = dy * tf.exp(log_scale), tf.reduce_sum(dy * y)
        return tf.stop_gradient(dx), tf.stop_gradient(dscale)

      return y, gradient

    return scaled(x, tf.convert_to_tensor(self.log_scale))


class UnequalToItsCopy(Scaled):
  __hash__ = object.__hash__

  def __eq__(self, other):
    return self is other


class NewVariableInSlice(Scaled):
  def _broadcast_parameters_with_batch_shape(self, batch_shape, x_event_ndims):
    return self.copy(log_scale=tf.Variable(tf.ones_like(self.log_scale)))

  @classmethod
  def _parameter_properties(cls, dtype):
    return {'log_scale': tfp.util.ParameterProperties()}


class HiddenVariable(Scaled):
  def __init__(self, log_scale, validate_args=False, name='hidden'):
    self._hide = lambda: log_scale
    super().__init__(tf.zeros([], log_scale.dtype), validate_args, name)

  def _forward(self, x):
    return x * tf.exp(self._hide())

  def _inverse(self, y):
    return y * tf.exp(-self._hide())


class NewVariableInCopy(Scaled):
  def __init__(self, log_scale, validate_args=False, name='copied'):
    super().__init__(tf.Variable(log_scale), validate_args, name)


class IgnoresEventNdims(Scaled):
  def forward_and_log_det(self, x, event_ndims=None, **kwargs):
    return super().forward_and_log_det(x, **kwargs)


class IsItsOwnCopy(Scaled):
  def __deepcopy__(self, memo):
    return self


class Conditional(FlowBijector):
  """x * exp(log_scale . condition), rightly; the subclasses break one thing."""

  def __init__(self, network, validate_args=False, name='conditional'):
    parameters = dict(locals())
    with tf.name_scope(name) as name:
      self._network = network
      super().__init__(
        forward_min_event_ndims=3,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  def own_networks(self):
    return (self._network,)

  def map_networks(self, function):
    return self.copy(network=function(self._network))

  def _forward_and_log_det(self, x):
    log_scale = self._log_scale(x)
    size = tf.cast(tf.reduce_prod(tf.shape(x)[-3:]), x.dtype)
    shape = [*log_scale.shape, 1, 1, 1]
    return x * tf.exp(tf.reshape(log_scale, shape)), size * log_scale

  def _inverse_and_log_det(self, y):
    log_scale = self._log_scale(y)
    size = tf.cast(tf.reduce_prod(tf.shape(y)[-3:]), y.dtype)
    shape = [*log_scale.shape, 1, 1, 1]
    return y * tf.exp(-tf.reshape(log_scale, shape)), -size * log_scale

  def _log_scale(self, x):
    return self._network(x)


class IgnoresTheGradientOfItsCondition(Conditional):
  def _log_scale(self, x):
    return tf.stop_gradient(self._network(x))


class MixesConditions(Conditional):
  def _log_scale(self, x):
    log_scale = self._network(x)
    return log_scale + 0.1 * tf.reduce_mean(log_scale)


class _Weighted(tfp_cinc.networks.CompositeModule):
  condition_channels = 2

  def __init__(self, log_scale, name='weighted'):
    super().__init__(name=name)
    self.log_scale = log_scale

  def __call__(self, x, condition):
    log_scale = self.log_scale * tf.reduce_sum(condition, axis=-1)
    return log_scale + tf.zeros(x.shape[:-3], x.dtype)


_values = itertools.count(0.5, 0.1)  # another one for each bijector built


def case(kind):
  """The case of a broken bijector."""
  if issubclass(kind, Conditional):
    return Case(
      kind.__name__,
      lambda dtype, seed: kind(_Weighted(tf.Variable(tf.cast(0.5, dtype)))),
      (2, 3, 4),
      parameters=1,
      condition_shape=(2,),
    )
  return Case(
    kind.__name__,
    lambda dtype, seed: kind(tf.Variable(tf.cast(next(_values), dtype))),
    (2, 3, 4),
    parameters=1,
  )
