"""A flow with learned dequantization noise, as one density."""

import tensorflow as tf

import tfp_cinc
from tfp_cinc import variational_dequantization

__all__ = ['FlowWithNoise', 'full_precision']


class FlowWithNoise(tf.Module):
  """A flow p and learned noise q within the bins of pixels, as one density.

  It takes the images that a flow takes, which uniform noise has made
  continuous. A map f moves each value within its bin to where the learned
  noise would have put it:

      log_prob(x) = log p(f(x)) + log|df/dx| = log p(f(x)) - log q(u | pixels)

  Its bits/dim are the bound of variational dequantization, and x holds all the
  randomness. Since f maps each bin onto itself, the probability of the pixels,
  the integral over their bin, is that of p; only the bound is tighter.

  Attributes:
    flow: p, a `tfd.TransformedDistribution`.
    noise: q, a `VariationalDequantization`.

  #### References

  Ho et al. 2019, Flow++, section 3.1 (https://arxiv.org/abs/1902.00275).
  """

  def __init__(
    self,
    flow,
    noise: variational_dequantization.VariationalDequantization,
    num_bits: int,
  ):
    """Captures flow and noise.

    Args:
      flow: The distribution over images.
      noise: Dequantization noise of the same images.
      num_bits: Bits per channel.
    """
    super().__init__(name='flow_with_noise')
    self.flow, self.noise, self._num_bits = flow, noise, num_bits

  @property
  def event_shape(self) -> tf.TensorShape:
    """Shape [H, W, C] of an image."""
    return self.flow.event_shape

  @property
  def dtype(self) -> tf.DType:
    """Dtype of images."""
    return self.flow.dtype

  def log_prob(self, values) -> tf.Tensor:
    """Returns log-densities [N] in nats of images [N, H, W, C]."""
    values, log_q = self.move(values)
    return self.flow.log_prob(values) - log_q

  def move(self, values) -> tuple[tf.Tensor, tf.Tensor]:
    """Replaces the uniform noise of images by learned noise.

    Args:
      values: Floating-point [N, H, W, C] in [-0.5, 0.5), from
        `tfp_cinc.dequantize`.

    Returns:
      (f(x), log q), [N, H, W, C] and [N].
    """
    return self.noise.replace_uniform(values, self._num_bits)

  def given(self, condition) -> 'FlowWithNoise':
    """Returns the same density given a condition.

    Args:
      condition: See `tfp_cinc.given`.

    Returns:
      A `FlowWithNoise` on the same Variables.
    """
    flow, noise = (
      tfp_cinc.given(part, condition) for part in (self.flow, self.noise)
    )
    return FlowWithNoise(flow, noise, self._num_bits)

  def with_network_dtype(self, network_dtype) -> 'FlowWithNoise':
    """Returns the same density with networks that compute in another dtype.

    Args:
      network_dtype: See `tfp_cinc.with_network_dtype`.

    Returns:
      A `FlowWithNoise` on the same Variables.
    """
    flow, noise = (
      tfp_cinc.with_network_dtype(part, network_dtype)
      for part in (self.flow, self.noise)
    )
    return FlowWithNoise(flow, noise, self._num_bits)


def full_precision(density):
  """Returns the same density with networks in the dtype of their weights.

  Args:
    density: A flow, or a `FlowWithNoise`.

  Returns:
    A density of the same kind on the same Variables.
  """
  if isinstance(density, FlowWithNoise):
    return density.with_network_dtype(None)
  return tfp_cinc.with_network_dtype(density, None)
