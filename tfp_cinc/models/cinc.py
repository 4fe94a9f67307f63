"""CInC Flow."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.cinc_conv2d import trainable_cinc_conv2d
from tfp_cinc.bijectors.one_by_one_conv2d import trainable_one_by_one_conv2d
from tfp_cinc.models.multiscale import multiscale_flow

__all__ = ['cinc']


def cinc(
  image_shape,
  *,
  levels: int = 3,
  depth: int = 32,
  coupling: str = 'quad',
  scale_function: str = 'sigmoid',
  kernel_size: int = 3,
  padding: str = 'top_left',
  corner: str = 'triangular',
  one_by_one: bool = False,
  hidden_channels: int = 512,
  split_prior: bool = True,
  memory: str = 'store',
  seed: int | None = None,
  dtype=tf.float32,
  network_dtype=None,
  name: str = 'cinc_flow',
) -> tfp.distributions.TransformedDistribution:
  """CInC Flow: steps of ActNorm, a k x k convolution and a coupling.

  CInC Flow (Nagar, Dufraisse and Varma 2021); the defaults are those of its
  CIFAR-10 model (L=3, D=32, quad-coupling, networks of 512 channels).

  Args:
    image_shape: [H, W, C], H and W divisible by 2^levels.
    levels: L, how often the image is squeezed.
    depth: D, steps of a level.
    coupling: 'affine' or 'quad'.
    scale_function: of the couplings: 'sigmoid' (of h + 2, the published
      code's) or 'exp' (the paper's text).
    kernel_size: k of the invertible convolution.
    padding: the padded corner, see `CInCConv2D`.
    corner: how the kernel's corner block is held, see `trainable_cinc_conv2d`.
    one_by_one: whether a 1x1 convolution precedes the k x k one. The paper has
      none; a variant of its published code has.
    hidden_channels: width of the coupling networks.
    split_prior: whether channels that leave at a level have a learned prior.
    memory: 'store' keeps activations for the gradient, 'checkpoint' the input
      of each step and 'reversible' none of them, see `ReversibleChain`.
    seed: of all initial values; None draws others each time.
    dtype: floating dtype of the flow.
    network_dtype: what the coupling networks compute in, where it is not
      `dtype`: 'bfloat16', or 'auto' for it where the processor has it. See
      `tfp_cinc.full_precision` for exact densities.
    name: name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over images [H, W, C] in [-0.5, 0.5] with a
    N(0, I) base. Call `tfp_cinc.initialize_from_data` before training it.

  Raises:
    ValueError: if an argument is not as above, naming it.
  """

  def convolutions(channels, draw_seed):
    layers = []
    if one_by_one:
      layers.append(
        trainable_one_by_one_conv2d(channels, seed=draw_seed(), dtype=dtype)
      )
    layers.append(
      trainable_cinc_conv2d(
        channels,
        kernel_size,
        padding=padding,
        corner=corner,
        seed=draw_seed(),
        dtype=dtype,
      )
    )
    return layers

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
