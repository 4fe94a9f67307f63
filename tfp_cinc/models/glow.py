"""Glow."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.one_by_one_conv2d import trainable_one_by_one_conv2d
from tfp_cinc.models.multiscale import multiscale_flow

__all__ = ['glow']


def glow(
  image_shape,
  *,
  levels: int = 3,
  depth: int = 32,
  coupling: str = 'affine',
  scale_function: str = 'sigmoid',
  hidden_channels: int = 512,
  split_prior: bool = True,
  memory: str = 'store',
  seed: int | None = None,
  dtype=tf.float32,
  network_dtype=None,
  name: str = 'glow',
) -> tfp.distributions.TransformedDistribution:
  """Glow: steps of ActNorm, a 1x1 convolution and a coupling.

  Glow (Kingma and Dhariwal 2018); the defaults are those of its CIFAR-10 model.

  Args:
    image_shape: as in `cinc`, like all that follow.
    levels: L, how often the image is squeezed.
    depth: D, steps of a level.
    coupling: 'affine' or 'quad'.
    scale_function: of the couplings: 'sigmoid' or 'exp'.
    hidden_channels: width of the coupling networks.
    split_prior: whether channels that leave at a level have a learned prior.
    memory: 'store' keeps activations for the gradient, 'checkpoint' the input
      of each step and 'reversible' none of them, see `ReversibleChain`.
    seed: of all initial values; None draws others each time.
    dtype: floating dtype of the flow.
    network_dtype: what the coupling networks compute in.
    name: name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over images [H, W, C], as `cinc` does.

  Raises:
    ValueError: if an argument is not as above, naming it.
  """

  def convolutions(channels, draw_seed):
    return [
      trainable_one_by_one_conv2d(channels, seed=draw_seed(), dtype=dtype)
    ]

  return multiscale_flow(
    image_shape,
    convolutions,
    levels=levels,
    depth=depth,
    coupling=coupling,
    scale_function=scale_function,
    hidden_channels=hidden_channels,
    split_prior=split_prior,
    memory=memory,
    seed=seed,
    dtype=dtype,
    network_dtype=network_dtype,
    name=name,
  )
