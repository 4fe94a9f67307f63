"""Bits/dim of images, reconstructions and samples."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

import tfp_cinc

from ..data.condition import Condition
from ..data.noise import noisy_batches
from .conditional.density import batch_spec, given, log_prob
from .flow_with_noise import full_precision
from .train_step import part, part_bounds

__all__ = ['bits_per_dim', 'make_log_prob', 'reconstruct', 'sample']


def bits_per_dim(
  log_prob,
  images,
  *,
  num_bits: int,
  draws: int,
  batch_size: int,
  seed: int = 0,
  conditions: Callable[[slice], tf.Tensor] | None = None,
) -> np.ndarray:
  """Returns the bits/dim of each image, averaged over noise draws.

  Args:
    log_prob: Function of dequantized images [N, H, W, C] that returns [N]; with
      `conditions`, of a pair (images, conditions).
    images: uint8 array [N, H, W, C].
    num_bits: Bits per channel.
    draws: Number of noise draws per image.
    batch_size: Number of images per batch.
    seed: Seed of the noise.
    conditions: Function from a slice of the images to their conditions, see
      `held_out_conditions`; None for a flow without a condition.

  Returns:
    float64 array [N].
  """
  results = np.zeros([len(images)])
  for here, values in noisy_batches(
    images, num_bits=num_bits, draws=draws, batch_size=batch_size, seed=seed
  ):
    batch = values if conditions is None else (values, conditions(here))
    results[here] += tfp_cinc.bits_per_dim(
      log_prob(batch).numpy().astype(np.float64), images.shape[1:], num_bits
    )
  return results / draws


def reconstruct(flow, images, num_bits: int):
  """Computes decode(encode(x)) in full precision, at the centers of the bins.

  Args:
    flow: The distribution.
    images: uint8 array [N, H, W, C].
    num_bits: Bits per channel.

  Returns:
    (uint8 array of the reconstructed images, the largest absolute error of the
    continuous values). A bin has width 2^-num_bits.
  """
  values = tfp_cinc.dequantize(images, num_bits, noise=0.5)
  values = tf.cast(values, flow.dtype)
  exact = full_precision(flow)
  latents = exact.bijector.inverse(values)
  # A new tensor, because TFP would return the cached values for the old one.
  decoded = exact.bijector.forward(tf.identity(latents))
  error = float(tf.reduce_max(tf.abs(decoded - values)))
  return tfp_cinc.quantize(decoded, num_bits).numpy(), error


def sample(
  flow,
  number: int,
  *,
  temperature: float,
  num_bits: int,
  seed: int = 0,
  condition: tf.Tensor | None = None,
  noise_scale: float = 0.0,
) -> np.ndarray:
  """Draws images at a temperature.

  Args:
    flow: The distribution.
    number: Number of images.
    temperature: Factor of the latents; 1 is the distribution of the flow.
    num_bits: Bits per channel.
    seed: Seed of the latents. Another temperature with the same seed scales the
      same latents.
    condition: Conditions [number, ...] of the images for a conditional flow.
    noise_scale: Standard deviation of the Gaussian noise to remove from the
      images, see `Model`.

  Returns:
    uint8 array [number, H, W, C].
  """
  flow = given(flow, condition)
  latents = temperature * flow.distribution.sample([number], seed=[seed, 0])
  values = flow.bijector.forward(latents)
  if noise_scale:
    values = tfp_cinc.denoise(flow, values, noise_scale)
  return tfp_cinc.quantize(values, num_bits).numpy()


def make_log_prob(flow, parallel: int = 1, condition: Condition | None = None):
  """Compiles the log-density of images in full precision, for evaluation.

  Args:
    flow: The distribution, or a `FlowWithNoise`.
    parallel: Number of parts of a batch that are computed at the same time; see
      `Workers`.
    condition: `Condition` of a conditional flow.

  Returns:
    A function of float [N, H, W, C] that returns [N], in nats. With a
    condition, it is a function of a pair (images, conditions).
  """
  exact = full_precision(flow)
  spec = batch_spec(flow, condition)

  @tf.function(input_signature=[spec], autograph=False)
  def of_part(batch):
    return log_prob(exact, batch)

  if parallel == 1:
    return of_part

  @tf.function(input_signature=[spec], autograph=False)
  def of_parts(batch):
    number = tf.shape(tf.nest.flatten(batch)[0])[0]

    def in_parts():
      bounds = part_bounds(number, parallel)
      return tf.concat([of_part(part(batch, *ends)) for ends in bounds], 0)

    # No part may be empty, because convolutions of no images fail.
    return tf.cond(number < parallel, lambda: of_part(batch), in_parts)

  return of_parts
