"""Images with more or less of an attribute."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.latents.activations import until
from tfp_cinc.latents.encoding import decode, encode, latent_size
from tfp_cinc.latents.levels import latent_levels

__all__ = ['manipulate']

tfd = tfp.distributions


def manipulate(
  flow: tfd.TransformedDistribution,
  values,
  direction,
  strengths,
  level: int | Sequence[int] | None = None,
  layer: str | None = None,
  condition=None,
) -> tf.Tensor:
  """Moves images along a direction of their latents.

  For each image x and strength s it is decode(encode(x) + s * direction): the
  CInC Flow paper, section 3.4 and figures 8 and 9; Glow, section 6.

  Latents that are far from those of any image may have values out of range, or
  none that are finite: the inverse of a coupling whose scale can come near 0,
  as by 'sigmoid' and 'exp', grows without bound. By 'tanh' and with additive
  couplings it does not.

  Args:
    flow: a flow over images [H, W, C].
    values: floating [N, H, W, C] in [-0.5, 0.5].
    direction: [D], as `AttributeDirections.direction` gives them.
    strengths: S numbers; 0 is the image itself, and what 1 is
      `attribute_directions` says.
    level: of the latents to move, from 0, or several of them; None moves all.
      The first levels change detail and the last one the whole image.
    layer: name of a layer as `layer_names` lists them, such as
      'level_0_step_3': moves its activations in place of latents. The direction
      must be one of these, see `activations`.
    condition: one for all images, [K], for a conditional flow.

  Returns:
    `Tensor` [N, S, H, W, C], in [-0.5, 0.5] but where the change goes beyond;
    `tfp_cinc.quantize` clips it.

  Raises:
    ValueError: if an argument is not as above, naming it.
  """
  if layer is not None:
    flow = until(flow, layer)
  latents = encode(flow, values, condition)
  direction = tf.convert_to_tensor(direction)
  if direction.shape != [latent_size(flow)]:
    raise ValueError(
      f'`direction` has shape {direction.shape}; the flow has latents of '
      f'{latent_size(flow)} numbers.'
    )
  direction = tf.cast(direction, flow.dtype)
  if level is not None:
    direction *= _mask(flow, level)
  strengths = tf.cast(tf.convert_to_tensor(strengths), flow.dtype)
  if strengths.shape.rank != 1:
    raise ValueError(
      f'`strengths` have shape {strengths.shape}; they must be a list of '
      'numbers.'
    )
  moved = latents[:, tf.newaxis] + strengths[:, tf.newaxis] * direction
  shape = tf.shape(moved)
  images = decode(flow, tf.reshape(moved, [-1, moved.shape[-1]]), condition)
  return tf.reshape(
    images, tf.concat([shape[:2], flow.event_shape.as_list()], 0)
  )


def _mask(flow, level):
  """1 for each number of some levels, 0 for the others."""
  levels = latent_levels(flow)
  wanted = np.atleast_1d(level)
  number = levels.max() + 1
  if not np.all(np.isin(wanted, np.arange(number))):
    raise ValueError(
      f'`level` is {level}; the levels of the flow are 0 to {number - 1}.'
    )
  return tf.constant(np.isin(levels, wanted), flow.dtype)
