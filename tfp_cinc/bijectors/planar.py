"""The planar flow."""

import math

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.shapes import check_channels, check_sizes
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.math.roots import increasing_root
from tfp_cinc.math.softplus import SOFTPLUS_INVERSE_OF_1

__all__ = ['Planar', 'trainable_planar']


class Planar(FlowBijector):
  """Moves vectors along one direction, as a function of one projection.

  With a = w.x + b, where w is `weight`, u `direction` and b `bias`,

  ```
  forward(x) = x + v * tanh(a),  v = u + (softplus(w.u) - 1 - w.u) * w / |w|^2
  forward_log_det_jacobian(x) = log(1 + w.v * (1 - tanh(a)^2))
  inverse(y) = y - v * tanh(a),  a the root of a + w.v * tanh(a) = w.y + b
  ```

  `x` is [..., D]. Both directions cost D.

  The layer is invertible for all values of the parameters, because
  w.v = softplus(w.u) - 1 > -1. The left side of the equation for a therefore
  has the slope 1 + w.v * (1 - tanh(a)^2) > 0. Because |tanh| < 1, its root lies
  in [w.y + b - |w.v|, w.y + b + |w.v|]. Chandrupatla's method finds the root
  there. A Newton step then gives the root its derivative, by the implicit
  function theorem. The first three derivatives of the inverse are exact,
  higher ones are not.

  #### Example

  >>> layer = trainable_planar(size=4, seed=1)
  >>> x = tf.random.normal([5, 4])
  >>> y = layer.forward(x)
  >>> bool(tf.reduce_max(abs(layer.inverse(tf.identity(y)) - x)) < 1e-5)
  True

  #### References

  Rezende and Mohamed 2015, [Variational Inference with Normalizing Flows](
  https://arxiv.org/abs/1505.05770), eqs 10-12 and appendix A.1.
  """

  def __init__(
    self,
    weight: TensorLike,
    direction: TensorLike,
    bias: TensorLike,
    validate_args: bool = False,
    name: str = 'planar',
  ):
    """Creates the layer.

    Args:
      weight: Floating `Tensor` or `Variable` w [D]. If w = 0, then v = u.
      direction: Floating `Tensor` or `Variable` u [D].
      bias: Floating `Tensor` or `Variable` b [].
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.

    Raises:
      ValueError: If a shape does not match those above.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      dtype = tfp_compat.common_dtype(
        [weight, direction, bias], dtype_hint=tf.float32
      )
      convert = tfp_compat.convert_nonref_to_tensor
      self._weight = convert(weight, dtype=dtype, name='weight')
      self._direction = convert(direction, dtype=dtype, name='direction')
      self._bias = convert(bias, dtype=dtype, name='bias')
      if self._weight.shape.rank != 1:
        raise ValueError(
          f'`weight` has shape {self._weight.shape}; it must be [D].'
        )
      if self._direction.shape != self._weight.shape:
        raise ValueError(
          f'`direction` has shape {self._direction.shape}; it must have the '
          f'shape of `weight`, {self._weight.shape}.'
        )
      if self._bias.shape.rank != 0:
        raise ValueError(
          f'`bias` has shape {self._bias.shape}; it must be a scalar.'
        )
      super().__init__(
        forward_min_event_ndims=1,
        dtype=dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @classmethod
  def _parameter_properties(cls, dtype):
    return {
      'weight': tfp_compat.ParameterProperties(event_ndims=1),
      'direction': tfp_compat.ParameterProperties(event_ndims=1),
      'bias': tfp_compat.ParameterProperties(event_ndims=0),
    }

  @property
  def weight(self) -> tf.Tensor:
    """The vector w that events are projected onto, [D]."""
    return self._weight

  @property
  def direction(self) -> tf.Tensor:
    """The direction u, [D], which determines the invertible direction v."""
    return self._direction

  @property
  def bias(self) -> tf.Tensor:
    """The scalar b."""
    return self._bias

  def _forward_and_log_det(self, x):
    weight, shift, slope = self._terms(x)
    projection = tf.tensordot(x, weight, 1) + self.bias
    y = x + tf.tanh(projection)[..., tf.newaxis] * shift
    return y, tf.math.log(_derivative(projection, slope))

  def _inverse_and_log_det(self, y):
    weight, shift, slope = self._terms(y)
    projection = _solve(tf.tensordot(y, weight, 1) + self.bias, slope)
    x = y - tf.tanh(projection)[..., tf.newaxis] * shift
    return x, -tf.math.log(_derivative(projection, slope))

  def _terms(self, x):
    """Returns (w, v, 1 + w.v)."""
    weight = tf.convert_to_tensor(self.weight)
    check_channels(self.name, x, weight.shape[-1])
    product = tf.reduce_sum(weight * self.direction)
    squared = tf.reduce_sum(weight**2)
    one = tf.ones_like(squared)
    # Keeps the slope above 0 despite rounding.
    tiny = np.finfo(product.dtype.as_numpy_dtype).tiny
    slope = tf.where(squared > 0, tf.math.softplus(product) + tiny, one)
    change = tf.math.divide_no_nan(slope - 1 - product, squared)
    return weight, self.direction + change * weight, slope


def _derivative(projection, slope):
  """Returns the derivative of a + w.v * tanh(a), as a sum of positive terms.

  `slope` is 1 + w.v.
  """
  squared = tf.tanh(projection) ** 2
  return squared + slope * (1 - squared)


def _solve(value, slope):
  """Returns the root a of a + w.v * tanh(a) = value, elementwise."""

  def value_and_slope(a, value, slope):
    error = a + (slope - 1) * tf.tanh(a) - value
    return error, _derivative(a, slope)

  reach = tf.abs(slope - 1)  # |tanh| < 1
  return increasing_root(
    value_and_slope, [value, slope], value - reach, value + reach
  )


def trainable_planar(
  size: int,
  *,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'planar',
) -> Planar:
  """Returns a trainable `Planar`, initialized close to the identity.

  Args:
    size: Number of elements of a vector, D.
    seed: Seed of the initial weight and direction. None draws a new one.
    dtype: Floating dtype.
    name: Name of the layer.

  Returns:
    `Planar` with 2 D + 1 parameters.

  Raises:
    ValueError: If `size` is less than 1.
  """
  check_sizes(size=size)
  rng = np.random.default_rng(seed)
  weight = rng.normal(size=[size]) / math.sqrt(size)
  direction = SOFTPLUS_INVERSE_OF_1 * weight / np.sum(weight**2)
  direction += 0.01 * rng.normal(size=[size])
  with tf.name_scope(name):
    return Planar(
      weight=tf.Variable(tf.cast(weight, dtype), name='weight'),
      direction=tf.Variable(tf.cast(direction, dtype), name='direction'),
      bias=tf.Variable(tf.zeros([], dtype), name='bias'),
      name=name,
    )
