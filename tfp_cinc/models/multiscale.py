"""The multi-scale flow of which all image flows are cases."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.leading_channels import LeadingChannels
from tfp_cinc.bijectors.reversible_chain import ReversibleChain
from tfp_cinc.bijectors.squeeze import Squeeze
from tfp_cinc.models.steps import StepOptions

__all__ = ['multiscale_flow']

tfb = tfp.bijectors
tfd = tfp.distributions


def multiscale_flow(
  image_shape,
  *,
  layers: str = 'cinc',
  levels: int = 3,
  depth: int = 32,
  coupling: str = 'affine',
  coupling_blocks: int | None = None,
  scale_function: str = 'sigmoid',
  network: str = 'glow',
  hidden_channels: int = 512,
  kernel_size: int = 3,
  padding: str = 'top_left',
  corner: str = 'triangular',
  parametrization: str = 'plu',
  checkerboards: int = 0,
  split_prior: bool = True,
  condition_channels: int = 0,
  memory: str = 'store',
  seed: int | None = None,
  dtype=tf.float32,
  network_dtype=None,
  name: str = 'multiscale_flow',
) -> tfd.TransformedDistribution:
  """A flow of `levels` levels of `depth` steps on a N(0, I) base.

  A level squeezes the image, applies its steps (ActNorm, the layers, a
  coupling), factors out half of the channels behind their learned prior, and
  hands the others to the next level. The squeeze is undone at the end, so that
  latents have the shape of images. Any layers go with any coupling, network and
  prior. Figure 'Model Architecture' of the CInC Flow poster; Glow, figure 2b.

  Args:
    image_shape: [H, W, C], H and W divisible by 2^levels.
    layers: what stands between ActNorm and coupling, in the order of the image,
      joined by '+', as in 'one_by_one+cinc'; '' for nothing. Each is one of
      'one_by_one', 'cinc', 'autoregressive', 'emerging', 'periodic', 'shift',
      'reverse' and 'shuffle'.
    levels: L, how often the image is squeezed, at least 1.
    depth: D, steps of a level, at least 1.
    coupling: 'affine', 'quad' (affine, of four blocks), 'additive',
      'logistic_mixture' or 'spline', see `BlockCoupling`.
    coupling_blocks: of how many blocks a coupling is, where it is another
      number than these words have.
    scale_function: of the couplings: 'sigmoid' (of h + 2, the published
      code's), 'exp' (the papers' text) or 'tanh' (RealNVP's).
    network: of the couplings: 'glow', 'pointwise', 'residual' or 'attention',
      one for each block that changes; or 'shared', a pointwise one for all of
      them, see `tfp_cinc.networks`.
    hidden_channels: width of the networks.
    kernel_size: k of the k x k convolutions.
    padding: the padded corner of causal ones, see `CInCConv2D`; or 'in_turn',
      by which each takes the next of 'top_left', 'bottom_right', 'top_right',
      'bottom_left' and again, from step to step and level to level: two of
      them together see all around a pixel, four from all sides alike.
    corner: how their corner block is held, see `trainable_cinc_conv2d`.
    parametrization: of 1x1 convolutions: 'plu', 'dense' or 'qr', see
      `trainable_one_by_one_conv2d`.
    checkerboards: steps of ActNorm and a coupling by a checkerboard before the
      squeeze of each level, as RealNVP has them.
    split_prior: whether channels that leave at a level have a learned prior.
    condition_channels: K, for a flow of images given a vector or a map of K
      numbers, see `tfp_cinc.condition_on`; 0 for none.
    memory: 'store' keeps activations for the gradient, 'checkpoint' the input
      of each step and 'reversible' none of them, see `ReversibleChain`.
    seed: of all initial values; None draws others each time.
    dtype: floating dtype of the flow.
    network_dtype: what the coupling networks compute in, where it is not
      `dtype`: 'bfloat16', or 'auto' for it where the processor has it. See
      `tfp_cinc.full_precision` for exact densities.
    name: name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over images [H, W, C] in [-0.5, 0.5], whose
    `bijector` goes from latent to image. Call `tfp_cinc.initialize_from_data`
    before training it.

  Raises:
    ValueError: if an argument is not as above, naming it.
  """
  image_shape = [int(size) for size in image_shape]
  dtype = tf.as_dtype(dtype)
  if len(image_shape) != 3 or min(image_shape) < 1:
    raise ValueError(f'`image_shape` is {image_shape}; it must be [H, W, C].')
  if levels < 1 or depth < 1 or checkerboards < 0:
    raise ValueError(
      f'`levels` is {levels}, `depth` {depth} and `checkerboards` '
      f'{checkerboards}; they must be at least 1, 1 and 0.'
    )
  height, width, channels = image_shape
  if height % 2**levels or width % 2**levels:
    raise ValueError(
      f'`image_shape` {image_shape} is not divisible by 2**levels = '
      f'{2**levels}.'
    )
  options = StepOptions(
    layers=layers,
    coupling=coupling,
    coupling_blocks=coupling_blocks,
    scale_function=scale_function,
    network=network,
    hidden_channels=hidden_channels,
    kernel_size=kernel_size,
    padding=padding,
    corner=corner,
    parametrization=parametrization,
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    network_dtype=network_dtype,
  )
  # A level keeps the inputs of its steps, not those of their layers too.
  step_memory = 'store' if memory == 'checkpoint' else memory

  def make_level(level, channels):
    """The bijector of a level and of all that follow it."""
    squeeze = Squeeze(dtype=dtype, name=f'squeeze_{level}')
    parts = []
    for step in range(checkerboards):
      kept = 'odd' if step % 2 else 'even'
      parts.append(
        _chain(
          options.checkerboard_step(channels, kept),
          step_memory,
          f'level_{level}_checkerboard_{step}',
        )
      )
    channels *= 4
    parts.append(squeeze)
    for step in range(depth):
      name = f'level_{level}_step_{step}'
      parts.append(_chain(options.step(channels), step_memory, name))
    if level + 1 < levels:
      if split_prior:
        parts.append(options.split_prior(channels, f'split_prior_{level}'))
      rest = make_level(level + 1, channels // 2)
      parts.append(LeadingChannels(rest, channels // 2, name=f'after_{level}'))
    parts.append(tfb.Invert(squeeze, name=f'unsqueeze_{level}'))
    return _chain(parts, memory, f'level_{level}')

  with tf.name_scope(name):
    base = tfd.Sample(
      tfd.Normal(tf.zeros([], dtype), tf.ones([], dtype)),
      sample_shape=image_shape,
    )
    encoder = make_level(0, channels)
    return tfd.TransformedDistribution(
      base, tfb.Invert(encoder, name='decoder'), name=name
    )


def _chain(layers, memory, name):
  """A chain that applies `layers` in the order in which they stand."""
  return ReversibleChain(layers[::-1], memory, name=name)
