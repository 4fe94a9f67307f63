"""Flows of the patches of an image, all at one resolution."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.chain import Chain
from tfp_cinc.bijectors.conditional_prior import ConditionalPrior
from tfp_cinc.bijectors.squeezed import Squeezed
from tfp_cinc.internal.shapes import as_image_shape, check_sizes
from tfp_cinc.models.base import (
  check_conditional_base,
  flow_of,
  standard_normal,
)
from tfp_cinc.networks.presets import trainable_zero_conv_network

__all__ = ['flow_of_patches', 'patch_shape']

tfb = tfp.bijectors
tfd = tfp.distributions

_SCALE = 2.0  # from [-0.5, 0.5] to [-1, 1], as in the papers


def patch_shape(image_shape, patch_size: int) -> list[int]:
  """Returns the shape [H/p, W/p, p*p*C] of an image whose pixels are patches.

  Args:
    image_shape: Shape [H, W, C] of an image.
    patch_size: Height and width p of a patch.

  Raises:
    ValueError: If an argument is invalid or H or W is not divisible by p.
  """
  height, width, channels = image_shape = as_image_shape(image_shape)
  check_sizes(patch_size=patch_size)
  if height % patch_size or width % patch_size:
    raise ValueError(
      f'`image_shape` {image_shape} is not divisible by `patch_size` = '
      f'{patch_size}.'
    )
  size = patch_size
  return [height // size, width // size, size * size * channels]


def flow_of_patches(
  blocks: list[tfb.Bijector],
  image_shape,
  patch_size: int,
  *,
  condition_channels: int,
  conditional_base: bool,
  memory: str,
  dtype: tf.DType,
  network_dtype,
  name: str,
) -> tfd.TransformedDistribution:
  """Returns a flow of images, given the bijectors of their patches.

  Pixels are first multiplied by 2, so that they are in [-1, 1].

  Args:
    blocks: Bijectors of images whose pixels are patches, from image to latent.
    image_shape: Shape [H, W, C] of an image.
    patch_size: Height and width p of a patch.
    condition_channels: Number of channels K of the condition, 0 for none.
    conditional_base: Whether mean and scale of the latents depend on the
      condition.
    memory: Activations stored for the gradient, see `Chain`.
    dtype: Floating dtype.
    network_dtype: Dtype in which the network of the base computes.
    name: Name of the distribution.

  Raises:
    ValueError: If there is a conditional base without a condition.
  """
  if conditional_base:
    check_conditional_base(condition_channels)
    channels = patch_shape(image_shape, patch_size)[-1]
    network = trainable_zero_conv_network(
      1,
      2 * channels,
      condition_channels=condition_channels,
      dtype=dtype,
      network_dtype=network_dtype,
    )
    base = ConditionalPrior(network, dtype, name='conditional_base')
    blocks = [*blocks, base]
  scale = tfb.Scale(tf.constant(_SCALE, dtype), name='scale')
  encoder = Chain([*blocks[::-1], scale], memory, name='blocks')
  if patch_size > 1:
    encoder = Squeezed(encoder, patch_size, name='patches')
  return flow_of(encoder, image_shape, standard_normal(dtype), name)
