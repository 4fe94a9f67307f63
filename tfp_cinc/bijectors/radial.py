"""The radial flow."""

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.shapes import check_channels, check_sizes
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.math.softplus import SOFTPLUS_INVERSE_OF_1

__all__ = ['Radial', 'trainable_radial']


class Radial(FlowBijector):
  """Moves vectors toward a reference point or away from it.

  With x0 = `reference`, r = |x - x0|, alpha = exp(log_alpha) and
  alpha + beta = s = softplus(beta_hat),

  ```
  forward(x) = x + beta / (alpha + r) * (x - x0)
             = x0 + (x - x0) * (r + s) / (r + alpha)
  forward_log_det_jacobian(x) = (D - 1) * log((r + s) / (r + alpha))
    + log((r^2 + 2 * alpha * r + alpha * s) / (r + alpha)^2)
  inverse(y) = x0 + (y - x0) * (r + alpha) / (r + s)
  ```

  In the inverse, r is the root r >= 0 of r^2 + (s - R) r - alpha R = 0 with
  R = |y - x0|.

  `x` is [..., D]. Both directions cost D. The layer is invertible for all
  values of the parameters, because beta > -alpha. It has a cusp at x = x0, but
  its gradients are finite there.

  #### Example

  >>> layer = Radial(reference=[0.0, 0.0], log_alpha=0.0, beta_hat=1.0)
  >>> x = tf.constant([[3.0, 4.0]])
  >>> y = layer.forward(x)
  >>> layer.inverse(tf.identity(y)).numpy().round(5).tolist()
  [[3.0, 4.0]]

  #### References

  Rezende and Mohamed 2015, [Variational Inference with Normalizing Flows](
  https://arxiv.org/abs/1505.05770), eq. 14 and appendix A.2.
  """

  def __init__(
    self,
    reference: TensorLike,
    log_alpha: TensorLike,
    beta_hat: TensorLike,
    validate_args: bool = False,
    name: str = 'radial',
  ):
    """Creates the layer.

    Args:
      reference: Floating `Tensor` or `Variable` x0 [D].
      log_alpha: Floating `Tensor` or `Variable` [].
      beta_hat: Floating `Tensor` or `Variable` [].
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.

    Raises:
      ValueError: If a shape does not match those above.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      dtype = tfp_compat.common_dtype(
        [reference, log_alpha, beta_hat], dtype_hint=tf.float32
      )
      convert = tfp_compat.convert_nonref_to_tensor
      self._reference = convert(reference, dtype=dtype, name='reference')
      self._log_alpha = convert(log_alpha, dtype=dtype, name='log_alpha')
      self._beta_hat = convert(beta_hat, dtype=dtype, name='beta_hat')
      if self._reference.shape.rank != 1:
        raise ValueError(
          f'`reference` has shape {self._reference.shape}; it must be [D].'
        )
      for argument in ('log_alpha', 'beta_hat'):
        shape = getattr(self, f'_{argument}').shape
        if shape.rank != 0:
          raise ValueError(
            f'`{argument}` has shape {shape}; it must be a scalar.'
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
      'reference': tfp_compat.ParameterProperties(event_ndims=1),
      'log_alpha': tfp_compat.ParameterProperties(event_ndims=0),
      'beta_hat': tfp_compat.ParameterProperties(event_ndims=0),
    }

  @property
  def reference(self) -> tf.Tensor:
    """The point x0, [D]."""
    return self._reference

  @property
  def log_alpha(self) -> tf.Tensor:
    """The logarithm of alpha, a scalar."""
    return self._log_alpha

  @property
  def beta_hat(self) -> tf.Tensor:
    """The inverse softplus of alpha + beta, a scalar."""
    return self._beta_hat

  def _forward_and_log_det(self, x):
    alpha, total = self._terms(x)
    offset = x - self.reference
    radius = _norm(offset)
    y = self.reference + offset * (radius + total) / (radius + alpha)
    return y, self._log_det(radius, alpha, total)

  def _inverse_and_log_det(self, y):
    alpha, total = self._terms(y)
    offset = y - self.reference
    radius = _solve(_norm(offset), alpha, total)
    x = self.reference + offset * (radius + alpha) / (radius + total)
    return x, -self._log_det(radius, alpha, total)

  def _log_det(self, radius, alpha, total):
    """Returns the log-det of forward, [...], at a radius [..., 1]."""
    across = tf.math.log((radius + total) / (radius + alpha))
    along = (radius**2 + 2 * alpha * radius + alpha * total) / (
      radius + alpha
    ) ** 2
    size = self.reference.shape[-1]
    return ((size - 1) * across + tf.math.log(along))[..., 0]

  def _terms(self, x):
    """Returns (alpha, alpha + beta)."""
    check_channels(self.name, x, self.reference.shape[-1])
    return tf.exp(self.log_alpha), tf.math.softplus(self.beta_hat)


def _norm(x):
  """Returns |x| of vectors [..., D] as [..., 1], with gradient 0 at 0."""
  squared = tf.reduce_sum(x**2, axis=-1, keepdims=True)
  is_zero = tf.equal(squared, 0)
  squared = tf.where(is_zero, tf.ones_like(squared), squared)
  return tf.where(is_zero, tf.zeros_like(squared), tf.sqrt(squared))


def _solve(image_radius, alpha, total):
  """Returns the root r >= 0 of r^2 + (total - R) r - alpha R = 0.

  R is `image_radius`, the radius |y - x0|.
  """
  excess = image_radius - total
  product = 4 * alpha * image_radius
  root = tf.sqrt(excess**2 + product)
  # Use the form of the root that has no cancellation.
  is_far = excess > 0
  denominator = tf.where(is_far, tf.ones_like(root), root - excess)
  return tf.where(is_far, excess + root, product / denominator) / 2


def trainable_radial(
  size: int,
  *,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'radial',
) -> Radial:
  """Returns a trainable `Radial`, initialized as the identity.

  Args:
    size: Number of elements of a vector, D.
    seed: Seed of the reference, which is drawn from N(0, I). None draws a new
      one.
    dtype: Floating dtype.
    name: Name of the layer.

  Returns:
    `Radial` with D + 2 parameters.

  Raises:
    ValueError: If `size` is less than 1.
  """
  check_sizes(size=size)
  reference = np.random.default_rng(seed).normal(size=[size])
  with tf.name_scope(name):
    return Radial(
      reference=tf.Variable(tf.cast(reference, dtype), name='reference'),
      log_alpha=tf.Variable(tf.zeros([], dtype), name='log_alpha'),
      beta_hat=tf.Variable(
        tf.cast(SOFTPLUS_INVERSE_OF_1, dtype), name='beta_hat'
      ),
      name=name,
    )
