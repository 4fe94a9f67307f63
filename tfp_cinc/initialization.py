"""Data-dependent initialization."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.act_norm import ActNorm
from tfp_cinc.conditioning import condition_on
from tfp_cinc.internal import switches

__all__ = ['initialize_from_data', 'is_initialized']

tfd = tfp.distributions


def initialize_from_data(
  flow: tfd.TransformedDistribution, images, condition=None
) -> None:
  """Sets each `ActNorm` so that its output has mean 0 and deviation 1.

  The images go through the flow once, eagerly, and each layer is set from what
  reaches it (Glow, section 3.1). The papers use 256 images. With several
  workers call it on one and broadcast the variables.

  Args:
    flow: a flow whose bijector's inverse goes from image to latent, such as
      those of `tfp_cinc.models`.
    images: floating [N, H, W, C], finite values in [-0.5, 0.5], as `dequantize`
      makes them; or vectors [N, D] of any values for a flow over vectors.
    condition: of the images, as in `tfp_cinc.condition_on`, for a conditional
      flow.

  Raises:
    ValueError: if `images` are not as above.
  """
  images = tf.convert_to_tensor(images)
  if not images.dtype.is_floating:
    raise ValueError(
      f'`images` are {images.dtype.name}; a flow takes floating values in '
      '[-0.5, 0.5]: use `tfp_cinc.dequantize` on uint8 pixels.'
    )
  event_shape = flow.event_shape
  if images.shape.rank is None or images.shape[1:] != event_shape:
    raise ValueError(
      f'`images` have shape {images.shape}; the flow takes '
      f'{[None, *event_shape.as_list()]}.'
    )
  if not images.shape[0]:
    raise ValueError('`images` are none; layers are set from some, say 256.')
  if not bool(tf.reduce_all(tf.math.is_finite(images))):
    raise ValueError('`images` have values that are not finite.')
  least, most = float(tf.reduce_min(images)), float(tf.reduce_max(images))
  if event_shape.rank == 3 and (least < -0.5 or most > 0.5):
    raise ValueError(
      f'`images` have values from {least:.4g} to {most:.4g}; a flow takes '
      '[-0.5, 0.5], as `tfp_cinc.dequantize` makes them.'
    )
  with switches.initializing.on():
    kwargs = {} if condition is None else condition_on(flow, condition)
    # A tensor of its own: TFP would return what it has cached for `images`.
    flow.bijector.inverse(tf.cast(tf.identity(images), flow.dtype), **kwargs)


def is_initialized(flow: tf.Module) -> bool:
  """Whether all `ActNorm` layers of a flow have been initialized."""
  return all(
    bool(module.initialized)
    for module in flow.submodules
    if isinstance(module, ActNorm)
  )
