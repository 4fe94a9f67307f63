"""The dequantization noise of exported models."""

from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.internal.seeds import stateless_uniform

__all__ = ['fixed_noise']


def fixed_noise(
  image_shape: Sequence[int], seed: Sequence[int] | tf.Tensor = (0, 0)
) -> tf.Tensor:
  """Returns the dequantization noise of exported models.

  It is one fixed draw from U[0, 1), the same for all images, on each device,
  and with and without XLA. An image therefore has the same density in each call
  and in any batch.

  Args:
    image_shape: Shape [H, W, C] of an image.
    seed: Two integers. Exported models use the default.

  Returns:
    float32 `Tensor` [H, W, C].
  """
  return stateless_uniform(image_shape, seed)
