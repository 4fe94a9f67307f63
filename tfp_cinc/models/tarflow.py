"""TarFlow: blocks of autoregressive transformers."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.autoregressive_transformer import (
  trainable_autoregressive_transformer,
)
from tfp_cinc.internal.seeds import split_seed
from tfp_cinc.internal.shapes import as_image_shape, check_sizes
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.models.patches import flow_of_patches, patch_shape

__all__ = ['tarflow']

tfd = tfp.distributions


def tarflow(
  image_shape: Sequence[int],
  *,
  patch_size: int = 2,
  depth: int = 8,
  num_layers: int = 8,
  num_heads: int | None = None,
  hidden_channels: int = 768,
  solver: str | Sequence[str] = 'cache',
  max_log_scale: float = 5.0,
  condition_channels: int = 0,
  conditional_base: bool = False,
  memory: str = 'store',
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'tarflow',
) -> tfd.TransformedDistribution:
  """Returns TarFlow: autoregressive transformers over the patches of an image.

  The image is cut into patches in raster order. Each block is an
  `AutoregressiveTransformer`; every second block starts with the last patch.

  Cost: a density takes one pass through each block. A sample takes L steps of
  one patch in each block, where L is the number of patches.

  #### Example

  >>> flow = tarflow(
  ...   [8, 8, 3], depth=2, num_layers=1, hidden_channels=16, seed=1
  ... )
  >>> flow.log_prob(flow.sample(5)).shape
  TensorShape([5])

  #### References

  Zhai et al. 2024, [TarFlow](https://arxiv.org/abs/2412.06329), section 2. The
  defaults are those of its ImageNet 64 model. As in Gu et al. 2025,
  [STARFlow](https://arxiv.org/abs/2506.06276), a start token lets a block
  transform the first patch too.

  Args:
    image_shape: Shape [H, W, C] of an image. H and W must be divisible by
      `patch_size`.
    patch_size: Height and width p of a patch.
    depth: Number of blocks, at least 1.
    num_layers: Number of layers of each block.
    num_heads: Number of heads. None means `hidden_channels` // 64, at least 1.
    hidden_channels: Number of channels of the transformers.
    solver: Method of sampling, 'cache' or 'jacobi'; see
      `AutoregressiveTransformer`. Or a list with the method of each block, from
      image to latent.
    max_log_scale: Bound of the log-scales, see `AutoregressiveTransformer`.
    condition_channels: Number of channels K of the condition, 0 for none.
    conditional_base: Whether mean and scale of the latents depend on the
      condition, see `ConditionalPrior`.
    memory: Activations stored for the gradient: 'store', all of them, or
      'checkpoint', the input of each block. See `Chain`.
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
  solvers = [solver] * depth if isinstance(solver, str) else list(solver)
  if len(solvers) != depth:
    raise ValueError(
      f'`solver` has {len(solvers)} entries; with `depth` = {depth} it must '
      f'have {depth}, or be one word.'
    )
  with tf.name_scope(name):
    blocks = [
      trainable_autoregressive_transformer(
        channels,
        hidden_channels=hidden_channels,
        num_layers=num_layers,
        num_heads=num_heads,
        image_size=size,
        order='reversed' if i % 2 else 'raster',
        solver=solvers[i],
        max_log_scale=max_log_scale,
        condition_channels=condition_channels,
        seed=block_seed,
        dtype=dtype,
        network_dtype=network_dtype,
        name=f'block_{i}',
      )
      for i, block_seed in enumerate(split_seed(seed, depth))
    ]
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
