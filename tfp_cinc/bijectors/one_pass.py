"""Bijectors that find a value and its log-det in the same pass."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.internal import tfp_compat

__all__ = ['OnePassBijector']

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

  _cache = tfp_compat.BijectorCacheWithGreedyAttrs(
    forward_name='_forward_with_attributes',
    inverse_name='_inverse_with_attributes',
  )

  def _forward_with_attributes(self, x, **kwargs):
    y, log_det = self._forward_and_log_det(x, **kwargs)
    return y, {'ildj': -log_det}

  def _inverse_with_attributes(self, y, **kwargs):
    x, log_det = self._inverse_and_log_det(y, **kwargs)
    return x, {'ildj': log_det}

  # TFP looks for these by name to know what a bijector can do.
  def _forward(self, x, **kwargs):
    return self._forward_and_log_det(x, **kwargs)[0]

  def _inverse(self, y, **kwargs):
    return self._inverse_and_log_det(y, **kwargs)[0]

  def _forward_log_det_jacobian(self, x, **kwargs) -> tf.Tensor:
    return self._forward_and_log_det(x, **kwargs)[1]

  def _inverse_log_det_jacobian(self, y, **kwargs) -> tf.Tensor:
    return self._inverse_and_log_det(y, **kwargs)[1]
