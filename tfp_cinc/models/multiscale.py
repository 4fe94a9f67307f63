"""The multi-scale flow, the general form of image flows with convolutions."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.chain import Chain
from tfp_cinc.bijectors.coupling_functions import CouplingFunction
from tfp_cinc.bijectors.leading_channels import LeadingChannels
from tfp_cinc.bijectors.squeezed import Squeezed
from tfp_cinc.internal.shapes import as_image_shape, check_sizes
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.models.base import flow_of, standard_normal
from tfp_cinc.models.steps import StepFactory

__all__ = ['multiscale_flow']

tfd = tfp.distributions


def multiscale_flow(
  image_shape: Sequence[int],
  *,
  layers: str | Sequence = 'cinc',
  levels: int = 3,
  depth: int = 32,
  coupling: str | CouplingFunction | Callable = 'affine',
  coupling_blocks: int | None = None,
  scale_function: str | Callable | None = None,
  network: str | Callable = 'glow',
  hidden_channels: int = 512,
  network_options: Mapping | None = None,
  kernel_size: int = 3,
  padding: str = 'top_left',
  dilation: int = 1,
  use_bias: bool = False,
  diagonal_block: str = 'triangular',
  parametrization: str = 'plu',
  checkerboards: int = 0,
  split_prior: bool = True,
  condition_channels: int = 0,
  conditional_base: bool = False,
  memory: str = 'store',
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'multiscale_flow',
) -> tfd.TransformedDistribution:
  """Returns a flow of `levels` levels of `depth` steps with a N(0, I) base.

  A level squeezes the image and applies its steps. Each step consists of
  ActNorm, the layers and a coupling. Each level except the last then factors
  out half of the channels, with a learned prior, and passes the others to the
  next level. The squeezes are undone at the end, so that latents have the shape
  of images. All layers, couplings, networks and priors can be combined.

  #### Example

  >>> flow = multiscale_flow(
  ...   [8, 8, 3], levels=2, depth=1, hidden_channels=16, seed=1
  ... )
  >>> flow.log_prob(flow.sample(5)).shape
  TensorShape([5])

  #### References

  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), figure 2b;
  Nagar, Dufraisse and Varma 2021, [CInC
  Flow](https://arxiv.org/abs/2107.01358), and the figure 'Model Architecture'
  of its poster.

  Args:
    image_shape: Shape [H, W, C] of an image. H and W must be divisible by
      2^levels.
    layers: Layers between ActNorm and the coupling, in the order from image to
      latent: a list of names and factories, or names joined by '+', as in
      'one_by_one+cinc'. '' means no layers. The names are 'one_by_one', 'cinc',
      'inverse_cinc', 'autoregressive', 'emerging', 'periodic', 'shift',
      'reverse', 'shuffle' and 'injector', which shifts and scales all pixels by
      functions of the condition. A factory is called as `factory(channels,
      seed=..., dtype=...)` and returns a bijector.
    levels: Number of levels L, at least 1. Each level squeezes the image once.
    depth: Number of steps D of each level, at least 1.
    coupling: Type of the couplings: 'affine', 'quad' (affine, with four
      blocks), 'additive', 'logistic_mixture' or 'spline'; a `CouplingFunction`;
      or a factory, as in `layers`.
    coupling_blocks: Number of blocks of a coupling. None means 4 for 'quad' and
      2 otherwise.
    scale_function: Scale function of the couplings, see `Affine`: 'sigmoid' (of
      h + 2, as in the published code; the default), 'exp' (as in the text of
      the papers), 'tanh' (as in RealNVP), 'doubled_sigmoid' (as in Jet) or a
      callable.
    network: Networks of the couplings. 'glow', 'pointwise', 'residual',
      'attention', 'dense' and 'transformer' use a separate network for each
      block that changes; 'shared' uses one pointwise network for all of them.
      Or a factory, called as `network(in_channels, out_channels,
      hidden_channels=..., condition_channels=..., seed=..., dtype=...,
      network_dtype=...)`.
    hidden_channels: Number of hidden channels of the networks.
    network_options: Additional arguments of the networks, such as
      {'num_blocks': 4, 'num_heads': 2} for 'attention'.
    kernel_size: Height and width k of the k x k convolutions.
    padding: Padded sides of causal convolutions, see `CInCConv2D`; or
      'in_turn'. With 'in_turn', consecutive convolutions cycle through
      'top_left', 'bottom_right', 'top_right' and 'bottom_left', across steps
      and levels. Two consecutive convolutions together see all sides of a
      pixel; four see all sides equally.
    dilation: Distance between the taps of CInC convolutions, in pixels.
    use_bias: Whether k x k convolutions have a bias.
    diagonal_block: Diagonal block of causal convolutions, see
      `trainable_cinc_conv2d`.
    parametrization: Parametrization of 1x1 convolutions: 'plu', 'dense' or
      'qr', see `trainable_one_by_one_conv2d`.
    checkerboards: Number of steps of ActNorm and a checkerboard coupling before
      the squeeze of each level, as in RealNVP.
    split_prior: Whether channels that are factored out have a learned prior.
    condition_channels: Number of channels K of the condition, 0 for none. The
      condition is a vector or a map, see `tfp_cinc.given`.
    conditional_base: Whether mean and scale of the latents of the last level
      depend on the condition, see `ConditionalPrior`.
    memory: Activations stored for the gradient: 'store', all of them;
      'checkpoint', the input of each step; 'reversible', only the output. See
      `Chain`.
    seed: Seed of all initial values. None draws new ones.
    dtype: Floating dtype of the flow.
    network_dtype: Dtype in which the coupling networks compute. None means
      `dtype`. If `dtype` is float32, it can also be 'bfloat16', 'float16', or
      'auto' for bfloat16 if the processor multiplies it natively. See
      `tfp_cinc.with_network_dtype` for exact densities.
    name: Name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over images [H, W, C] in [-0.5, 0.5]. Its
    `bijector` goes from latent to image. Call `tfp_cinc.initialize_from_data`
    before training.

  Raises:
    ValueError: If an argument is not as described above; the message names it.
  """
  image_shape = as_image_shape(image_shape)
  dtype = tf.as_dtype(dtype)
  check_sizes(levels=levels, depth=depth)
  if checkerboards < 0:
    raise ValueError(
      f'`checkerboards` is {checkerboards}; it must be at least 0.'
    )
  height, width, channels = image_shape
  if height % 2**levels or width % 2**levels:
    raise ValueError(
      f'`image_shape` {image_shape} is not divisible by 2**levels = '
      f'{2**levels}.'
    )
  steps = StepFactory(
    layers=layers,
    coupling=coupling,
    coupling_blocks=coupling_blocks,
    scale_function=scale_function,
    network=network,
    hidden_channels=hidden_channels,
    network_options=network_options,
    kernel_size=kernel_size,
    padding=padding,
    dilation=dilation,
    use_bias=use_bias,
    diagonal_block=diagonal_block,
    parametrization=parametrization,
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    network_dtype=network_dtype,
  )

  def make_level(level, channels):
    """Returns the bijector of a level and all levels after it."""
    before, parts = [], []
    for step in range(checkerboards):
      kept = 'second' if step % 2 else 'first'
      name = f'level_{level}_checkerboard_{step}'
      before.append(_chain(steps.checkerboard_step(channels, kept), name))
    channels *= 4
    for step in range(depth):
      name = f'level_{level}_step_{step}'
      parts.append(_chain(steps.step(channels), name))
    if level + 1 < levels:
      if split_prior:
        parts.append(steps.split_prior(channels, f'split_prior_{level}'))
      rest = make_level(level + 1, channels // 2)
      parts.append(LeadingChannels(rest, channels // 2, name=f'after_{level}'))
    elif conditional_base:
      parts.append(steps.conditional_prior(channels, 'conditional_base'))
    squeezed = Squeezed(
      _chain(parts, f'level_{level}', memory), name=f'squeezed_{level}'
    )
    if not before:
      return squeezed
    return _chain([*before, squeezed], f'level_{level}_full_size', memory)

  with tf.name_scope(name):
    encoder = make_level(0, channels)
    return flow_of(encoder, image_shape, standard_normal(dtype), name)


def _chain(layers, name, memory='store'):
  """Returns a chain that applies `layers` in the given order."""
  return Chain(layers[::-1], memory, name=name)
