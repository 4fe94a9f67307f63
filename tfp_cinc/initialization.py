"""Data-dependent initialization."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.conditioning import given
from tfp_cinc.internal.shapes import check_events
from tfp_cinc.internal.types import TensorLike
from tfp_cinc.tree import root, subtree, walk

__all__ = ['initialize_from_data', 'is_initialized']

tfd = tfp.distributions

_LARGEST = 8.0  # standard deviations of noise; float32 draws at most 6


def initialize_from_data(
  flow: tfd.TransformedDistribution,
  images: TensorLike,
  condition: TensorLike | None = None,
  noise_scale: float = 0.0,
) -> None:
  """Initializes the layers of a flow, such as `ActNorm`, from data.

  The images pass through the flow once, eagerly, and each layer is initialized
  from its input, see `FlowBijector.initialize`. The output of each `ActNorm`
  then has mean 0 and standard deviation 1 for each channel. The papers use 256
  images. With several workers, call it on one worker and broadcast the
  Variables.

  #### References

  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), section
  3.1.

  Args:
    flow: Flow whose bijector goes from latent to image, such as those of
      `tfp_cinc.models`.
    images: Floating `Tensor` [N, H, W, C] of finite values in [-0.5, 0.5], as
      returned by `dequantize`; or vectors [N, D] of any finite values for a
      flow over vectors.
    condition: Condition of the images for a conditional flow, as in
      `tfp_cinc.given`.
    noise_scale: Standard deviation of Gaussian noise that was added to the
      images, see `tfp_cinc.denoise`. Values may then be outside of [-0.5, 0.5],
      by at most 8 * noise_scale.

  Raises:
    ValueError: If `images` are not as described above.
  """
  images = check_events(flow, images, 'images')
  if not images.shape[0]:
    raise ValueError(
      '`images` is empty; at least 1 image is needed, and 256 are usual.'
    )
  if not bool(tf.reduce_all(tf.math.is_finite(images))):
    raise ValueError('`images` have values that are not finite.')
  least, most = float(tf.reduce_min(images)), float(tf.reduce_max(images))
  limit = 0.5 + _LARGEST * noise_scale
  if flow.event_shape.rank == 3 and (least < -limit or most > limit):
    raise ValueError(
      f'`images` have values from {least:.4g} to {most:.4g}; a flow takes '
      '[-0.5, 0.5], as returned by `tfp_cinc.dequantize`. Pass the '
      '`noise_scale` of images with Gaussian noise.'
    )

  def initialize(layer, x):
    layer.bijector.initialize(x, layer.invert)
    return layer.value(x)

  if condition is not None:
    flow = given(flow, condition)
  walk(root(flow), images, initialize, invert=True)


def is_initialized(flow: tfd.TransformedDistribution) -> bool:
  """Returns whether all layers of a flow have been initialized."""
  # The truth value of a Variable of `tf.distribute` is not that of its value.
  return all(
    bool(tf.convert_to_tensor(bijector.initialized))
    for bijector in subtree(flow)
  )
