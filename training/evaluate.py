"""Bits/dim on held-out images, reconstructions and samples."""

import numpy as np
import tensorflow as tf

import tfp_cinc
from training.flow_with_noise import full_precision

__all__ = ['bits_per_dim', 'reconstruct', 'sample']


def bits_per_dim(
  log_prob, images, *, num_bits: int, draws: int, batch_size: int, seed: int = 0
) -> np.ndarray:
  """Bits/dim of each image, the mean over draws of the dequantization noise.

  Args:
    log_prob: function of dequantized images [N, H, W, C] that returns [N].
    images: uint8 array [N, H, W, C].
    num_bits: of a pixel.
    draws: of noise for each image.
    batch_size: how many images to put through the flow at once.
    seed: of the noise.

  Returns:
    float64 array [N].
  """
  results = np.zeros([len(images)])
  for draw in range(draws):
    for start in range(0, len(images), batch_size):
      batch = images[start : start + batch_size]
      values = tfp_cinc.dequantize(
        batch, num_bits, seed=tf.constant([seed + draw, start])
      )
      results[start : start + batch_size] += tfp_cinc.bits_per_dim(
        log_prob(values).numpy().astype(np.float64), images.shape[1:], num_bits
      )
  return results / draws


def reconstruct(flow, images, num_bits: int):
  """decode(encode(x)) of the images' bins' middles, in full precision.

  Args:
    flow: the distribution.
    images: uint8 array [N, H, W, C].
    num_bits: of a pixel.

  Returns:
    (uint8 array of the reconstructed images, the largest absolute error of the
    continuous values, of which a bin has the width 2^-num_bits).
  """
  values = tfp_cinc.dequantize(images, num_bits, noise=0.5)
  values = tf.cast(values, flow.dtype)
  exact = full_precision(flow)
  latents = exact.bijector.inverse(values)
  # A tensor of its own: TFP would return the values that it has cached.
  decoded = exact.bijector.forward(tf.identity(latents))
  error = float(tf.reduce_max(tf.abs(decoded - values)))
  return tfp_cinc.quantize(decoded, num_bits).numpy(), error


def sample(
  flow, number: int, *, temperature: float, num_bits: int, seed: int = 0
) -> np.ndarray:
  """Images from latents at a temperature.

  Args:
    flow: the distribution.
    number: how many.
    temperature: a factor of the latents; 1 is the flow's own distribution.
    num_bits: of a pixel.
    seed: of the latents; the same for another temperature gives the same ones,
      scaled.

  Returns:
    uint8 array [number, H, W, C].
  """
  latents = temperature * flow.distribution.sample([number], seed=[seed, 0])
  return tfp_cinc.quantize(flow.bijector.forward(latents), num_bits).numpy()
