"""Flows that sample at a temperature."""

import numbers

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.internal.types import TensorLike

__all__ = ['with_temperature']

tfb = tfp.bijectors
tfd = tfp.distributions


def with_temperature(
  flow: tfd.TransformedDistribution, temperature: TensorLike
) -> tfd.TransformedDistribution:
  """Returns a flow whose latents are multiplied by a temperature.

  Its samples are g(temperature * z), where z is a sample of the base and g goes
  from latent to image. At temperature 0 all samples are the image of the
  latents 0, the mode of a normal base. Samples of natural images are usually
  shown at about 0.7: they are less varied and less noisy. If the log-det is the
  same for all images and the base is normal, the density of the flow is
  proportional to p(x)^(1 / temperature^2).

  #### Example

  >>> flow = tfp_cinc.models.glow([4, 4, 1], levels=1, depth=1, seed=0)
  >>> with_temperature(flow, 0.7).sample(5, seed=1).shape
  TensorShape([5, 4, 4, 1])

  #### References

  Parmar et al. 2018, [Image Transformer](https://arxiv.org/abs/1802.05751);
  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), section 6.

  Args:
    flow: Flow; the result shares its Variables.
    temperature: Temperature, at least 0. 1 leaves the flow unchanged. At 0 the
      result has samples but no density.

  Returns:
    `tfd.TransformedDistribution` with the bijector of `flow`. `encode` and
    `decode` give the same results for both.

  Raises:
    ValueError: If `temperature` is a negative number.
  """
  if isinstance(temperature, numbers.Real) and not float(temperature) >= 0:
    raise ValueError(f'`temperature` is {temperature}; it must be at least 0.')
  scale = tf.convert_to_tensor(temperature, flow.dtype)
  return flow.copy(distribution=_scaled(flow.distribution, scale))


def _scaled(distribution, scale):
  """Returns the distribution of `scale` times a sample of `distribution`."""
  if isinstance(distribution, tfd.Sample | tfd.Independent):
    # Scaling the inner distribution keeps it known that the elements are
    # independent.
    inner = _scaled(distribution.distribution, scale)
    return distribution.copy(distribution=inner)
  return tfd.TransformedDistribution(distribution, tfb.Scale(scale))
