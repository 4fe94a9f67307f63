"""Images with more or less of an attribute."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.internal.types import TensorLike
from tfp_cinc.latents.activations import until
from tfp_cinc.latents.encoding import decode, encode, latent_size
from tfp_cinc.latents.levels import latent_levels

__all__ = ['manipulate']

tfd = tfp.distributions


def manipulate(
  flow: tfd.TransformedDistribution,
  values: TensorLike,
  direction: TensorLike,
  strengths: TensorLike,
  level: int | Sequence[int] | None = None,
  layer: str | None = None,
  condition: TensorLike | None = None,
) -> tf.Tensor:
  """Returns images moved along a direction in latent space.

  The result for an image x and a strength s is decode(encode(x) + s *
  direction).

  Latents far from those of any image can decode to values that are out of range
  or not finite. The inverse of a coupling divides by its scale, which can
  approach 0 with the scale functions 'sigmoid' and 'exp'. This cannot happen
  with 'tanh' or in additive couplings.

  #### References

  Nagar, Dufraisse and Varma 2021, [CInC
  Flow](https://arxiv.org/abs/2107.01358), section 3.4 and figures 8 and 9;
  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), section 6.

  Args:
    flow: Flow over images [H, W, C].
    values: Floating `Tensor` [N, H, W, C] in [-0.5, 0.5].
    direction: Direction [D], as returned by `AttributeDirections.direction`.
    strengths: List of S numbers. 0 gives the image itself; see
      `attribute_directions` for the meaning of 1.
    level: Level whose latents are moved, from 0, or a list of levels. None
      moves all latents. The first levels change details; the last one changes
      the whole image.
    layer: Name of a layer, such as 'level_0_step_3'; see `layer_names`. Its
      activations are moved instead of the latents, and `direction` must belong
      to them, see `activations`.
    condition: Condition of all images, without a batch shape, for a conditional
      flow; see `tfp_cinc.given`.

  Returns:
    `Tensor` [N, S, H, W, C]. Values can be outside [-0.5, 0.5];
    `tfp_cinc.quantize` clips them.

  Raises:
    ValueError: If an argument is not as described above; the message names it.
  """
  if layer is not None:
    flow = until(flow, layer)
  latents = encode(flow, values, condition)
  direction = tf.convert_to_tensor(direction)
  if direction.shape != [latent_size(flow)]:
    raise ValueError(
      f'`direction` has shape {direction.shape}; it must be '
      f'[{latent_size(flow)}], the shape of the latents.'
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
  """Returns 1 for each latent of the given levels, 0 for the others."""
  levels = latent_levels(flow)
  wanted = np.atleast_1d(level)
  number = levels.max() + 1
  if not np.all(np.isin(wanted, np.arange(number))):
    raise ValueError(
      f'`level` is {level}; the levels of the flow are 0 to {number - 1}.'
    )
  return tf.constant(np.isin(levels, wanted), flow.dtype)
