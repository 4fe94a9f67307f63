"""What is trained: a flow, alone or with learned dequantization noise."""

import tensorflow as tf

import tfp_cinc
from tfp_cinc import variational_dequantization
from tfp_cinc.internal.choices import nearest_name
from training.errors import UserError

__all__ = ['FlowWithNoise', 'build_density', 'full_precision']

_DEQUANTIZATIONS = ('uniform', 'variational')


class FlowWithNoise(tf.Module):
  """A flow p and learned noise q within the bins of pixels, as one density.

  It takes the images that a flow takes, continuous by uniform noise, and moves
  each within its bin to where the learned noise would have put it, x -> f(x):

      log_prob(x) = log p(f(x)) + log|df/dx| = log p(f(x)) - log q(u | pixels)

  so that bits/dim of it are the bound of variational dequantization, and all
  that is random is in x. f maps each bin onto itself: the probability of the
  pixels, the integral over their bin, is that of p alone, and the bound is a
  tighter one of the same.

  Attributes:
    flow: p, a `tfd.TransformedDistribution`.
    noise: q, a `VariationalDequantization`.
  """

  def __init__(
    self,
    flow,
    noise: variational_dequantization.VariationalDequantization,
    num_bits: int,
  ):
    """Takes the two.

    Args:
      flow: the distribution.
      noise: of its images.
      num_bits: of a pixel.
    """
    super().__init__(name='flow_with_noise')
    self.flow, self.noise, self._num_bits = flow, noise, num_bits

  @property
  def event_shape(self) -> tf.TensorShape:
    """[H, W, C]."""
    return self.flow.event_shape

  @property
  def dtype(self) -> tf.DType:
    """Of images."""
    return self.flow.dtype

  def log_prob(self, values) -> tf.Tensor:
    """Log-densities [N], in nats, of images [N, H, W, C] of uniform noise."""
    values, log_q = self.move(values)
    return self.flow.log_prob(values) - log_q

  def move(self, values) -> tuple[tf.Tensor, tf.Tensor]:
    """Images with the learned noise in place of their uniform one.

    Args:
      values: floating [N, H, W, C] in [-0.5, 0.5), as `tfp_cinc.dequantize`
        makes them.

    Returns:
      (f(x), log q), [N, H, W, C] and [N].
    """
    return self.noise.replace_uniform(values, self._num_bits)

  def with_network_dtype(self, network_dtype) -> 'FlowWithNoise':
    """The same density with networks that compute in another dtype.

    Args:
      network_dtype: as in `tfp_cinc.with_network_dtype`, for flow and noise.

    Returns:
      A `FlowWithNoise` on the same Variables.
    """
    flow, noise = (
      tfp_cinc.with_network_dtype(part, network_dtype)
      for part in (self.flow, self.noise)
    )
    return FlowWithNoise(flow, noise, self._num_bits)


def full_precision(density):
  """The same density with networks that compute in the dtype of their weights.

  Args:
    density: a flow, or a `FlowWithNoise`.

  Returns:
    A density of the same kind on the same Variables.
  """
  if isinstance(density, FlowWithNoise):
    return density.with_network_dtype(None)
  return tfp_cinc.with_network_dtype(density, None)


def build_density(config, flow):
  """What is trained by maximum likelihood, and evaluated.

  Args:
    config: the whole configuration.
    flow: the distribution that it describes.

  Returns:
    The flow itself where `config.train.dequantization` is 'uniform'; of
    'variational', a `FlowWithNoise` whose noise is uniform at the start.

  Raises:
    UserError: if the word is unknown, or the noise's channels are less than 1.
  """
  train = config.train
  # Runs from before there was a choice have no such key.
  kind = train.get('dequantization', 'uniform')
  if kind not in _DEQUANTIZATIONS:
    raise UserError(
      f'config.train.dequantization is {kind!r}; it must be '
      f'{" or ".join(map(repr, _DEQUANTIZATIONS))}'
      f'{nearest_name(kind, _DEQUANTIZATIONS)}.'
    )
  if kind == 'uniform':
    return flow
  if train.noise_channels < 1:
    raise UserError(
      f'config.train.noise_channels is {train.noise_channels}; it must be at '
      'least 1.'
    )
  noise = variational_dequantization.trainable_variational_dequantization(
    flow.event_shape,
    hidden_channels=train.noise_channels,
    seed=config.seed,
    dtype=flow.dtype,
    network_dtype=config.flow.get('network_dtype'),
    name='noise',
  )
  return FlowWithNoise(flow, noise, config.data.num_bits)
