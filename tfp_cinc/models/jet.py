"""Jet: couplings whose networks are vision transformers."""

import itertools
from collections.abc import Callable, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.coupling_functions import CouplingFunction
from tfp_cinc.internal.shapes import as_image_shape, check_sizes
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.models.patches import flow_of_patches, patch_shape
from tfp_cinc.models.steps import StepFactory

__all__ = ['jet']

tfd = tfp.distributions

_CHANNEL_COUPLINGS = 4  # before each coupling of pixels
_MASKS = tuple(
  itertools.product(('checkerboard', 'columns', 'rows'), ('first', 'second'))
)


def jet(
  image_shape: Sequence[int],
  *,
  patch_size: int = 4,
  depth: int = 32,
  layers: str | Sequence = 'shuffle',
  coupling: str | CouplingFunction | Callable = 'affine',
  scale_function: str | Callable = 'doubled_sigmoid',
  network: str | Callable = 'transformer',
  num_layers: int = 2,
  num_heads: int | None = None,
  hidden_channels: int = 512,
  condition_channels: int = 0,
  conditional_base: bool = False,
  memory: str = 'store',
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'jet',
) -> tfd.TransformedDistribution:
  """Returns Jet: couplings of patches with vision transformers.

  The image is cut into patches, which stay at one resolution. Of five
  couplings, four transform half of the channels of each patch, after a fixed
  random permutation of the channels. The fifth transforms half of the patches:
  those on a checkerboard, in every other column or in every other row, in turn.
  There is no ActNorm.

  The scale of a coupling is less than 2, and each coupling changes half of the
  values, so that n couplings expand values by at most 2^(n/2), as a geometric
  mean. Use at least 16 couplings. The bound holds for the default
  `scale_function`.

  Cost: a density and a sample each take one pass through each network.

  #### Example

  >>> flow = jet(
  ...   [8, 8, 3], depth=2, num_layers=1, hidden_channels=16, seed=1
  ... )
  >>> flow.log_prob(flow.sample(5)).shape
  TensorShape([5])

  #### References

  Kolesnikov, Pinto and Tschannen 2024, [Jet](
  https://arxiv.org/abs/2412.15129), sections 3.1 and 3.2. The defaults are
  those of its smaller ImageNet 64 model. In its couplings of pixels, the
  network reads only the patches that stay; here it reads all patches, with
  zeros in place of the others.

  Args:
    image_shape: Shape [H, W, C] of an image. H and W must be divisible by
      `patch_size`.
    patch_size: Height and width p of a patch.
    depth: Number of couplings, at least 1.
    layers: Layers before each coupling of channels, as in `multiscale_flow`:
      'shuffle' is the permutation, 'one_by_one' replaces it by a trainable 1x1
      convolution, and 'shuffle+cinc' adds a k x k convolution.
    coupling: Type of the couplings, as in `multiscale_flow`, but no factory.
    scale_function: Scale function of the couplings, see `Affine`.
    network: Networks of the couplings, as in `multiscale_flow`. Only
      'transformer' receives `num_layers`, `num_heads` and learned positions;
      bind further arguments of a factory by `functools.partial`. The networks
      of couplings of channels read half of the channels of a patch, those of
      couplings of patches all of them.
    num_layers: Number of layers of each transformer.
    num_heads: Number of heads. None means `hidden_channels` // 64, at least 1.
    hidden_channels: Number of channels of the networks.
    condition_channels: Number of channels K of the condition, 0 for none.
    conditional_base: Whether mean and scale of the latents depend on the
      condition, see `ConditionalPrior`.
    memory: Activations stored for the gradient: 'store', all of them;
      'checkpoint', the input of each coupling; 'reversible', only the output.
      See `Chain`.
    seed: Seed of all initial values. None draws new ones.
    dtype: Floating dtype of the flow.
    network_dtype: Dtype in which the networks compute, see `multiscale_flow`.
    name: Name of the distribution.

  Returns:
    `tfd.TransformedDistribution` over images [H, W, C] in [-0.5, 0.5], with a
    N(0, I) base. Its `bijector` goes from latent to image.

  Raises:
    ValueError: If an argument is not as described above; the message names it.
  """
  dtype = tf.as_dtype(dtype)
  check_sizes(depth=depth)
  image_shape = as_image_shape(image_shape)
  *size, channels = patch_shape(image_shape, patch_size)
  options = {}
  if network == 'transformer':
    options = {
      'num_layers': num_layers,
      'num_heads': num_heads,
      'image_size': size,
    }
  steps = StepFactory(
    layers=layers,
    coupling=coupling,
    scale_function=scale_function,
    network=network,
    hidden_channels=hidden_channels,
    network_options=options,
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    network_dtype=network_dtype,
  )
  masks = itertools.cycle(_MASKS)
  with tf.name_scope(name):
    blocks = []
    for i in range(depth):
      if i % (_CHANNEL_COUPLINGS + 1) == _CHANNEL_COUPLINGS:
        blocks.append(steps.masked_coupling(channels, *next(masks)))
      else:
        blocks.extend([*steps.layers(channels), steps.coupling(channels)])
    return flow_of_patches(
      blocks,
      image_shape,
      patch_size,
      condition_channels=condition_channels,
      conditional_base=conditional_base,
      memory=memory,
      dtype=dtype,
      network_dtype=network_dtype,
      name=name,
    )
