"""Summaries of a run for TensorBoard.

They are written to the default `tf.summary` writer. Tags:

- train/: bits_per_dim, gradient_norm, learning_rate, images_per_second,
  skipped_steps, workers;
- test/: bits_per_dim with the trained weights, bits_per_dim_average with their
  moving average;
- test/accuracy: fraction of the test images that are most probable under their
  own class, for a flow given classes, with averaged weights;
- samples/temperature_T: images of the same latents times T; given a condition,
  one image of rows, see `sample_rows`;
- levels/bits_per_dim_L: contribution of level L to the bits/dim; level 0
  includes the log-density of learned noise;
- log_det/LAYER and reconstruction_error/LAYER, for each layer.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

import tfp_cinc
from tfp_cinc import latents
from tfp_cinc.tree import root, unique_name, walk

from ..data.condition import Condition
from ..run_folder.pictures import tile, viewable
from . import evaluation
from .conditional.samples import sample_rows
from .flow_with_noise import FlowWithNoise, full_precision

__all__ = [
  'TEMPERATURES',
  'Description',
  'Layer',
  'describe',
  'write_layers',
  'write_sample_rows',
  'write_samples',
  'write_test',
  'write_train',
]

TEMPERATURES = (0.0, 0.5, 0.7, 1.0)


@dataclasses.dataclass(frozen=True)
class Layer:
  """Statistics of one layer on some images.

  Attributes:
    name: chain/layer, such as 'level_0_step_3/coupling'.
    level: Level of the multi-scale flow, from 0.
    log_det: Log-determinant from image to latent in nats, averaged over the
      images and divided by the number of dimensions of an image, so that the
      layers add up.
    error: Largest |inverse(forward(x)) - x| for the inputs x of the layer.
  """

  name: str
  level: int
  log_det: float
  error: float


@dataclasses.dataclass(frozen=True)
class Description:
  """Statistics of the layers and levels of a flow on some images.

  Attributes:
    layers: `Layer` of each layer, in the order from image to latent.
    levels: Mean bits/dim of each level, see `tfp_cinc.latents.latent_levels`.
      Their sum is the bits/dim of the flow. Level 0 includes the log-density of
      learned noise.
  """

  layers: list[Layer]
  levels: list[float]


def write_train(
  step: int,
  metrics: dict[str, tf.Tensor],
  *,
  learning_rate: float,
  images_per_second: float,
  skipped_steps: int,
  workers: int,
) -> None:
  """Writes the scalars of a training step.

  Args:
    step: The step.
    metrics: Dict of 'bits_per_dim' and 'gradient_norm', see `make_train_step`.
    learning_rate: Learning rate of this step.
    images_per_second: Training speed of all workers since the last call.
    skipped_steps: Number of skipped steps so far.
    workers: Present number of workers.
  """
  scalars = {
    'bits_per_dim': metrics['bits_per_dim'],
    'gradient_norm': metrics['gradient_norm'],
    'learning_rate': learning_rate,
    'images_per_second': images_per_second,
    'skipped_steps': skipped_steps,
    'workers': workers,
  }
  for name, value in scalars.items():
    tf.summary.scalar(f'train/{name}', tf.cast(value, tf.float32), step)


def write_test(
  step: int,
  log_probs: dict[str, Callable[[tf.Tensor], tf.Tensor]],
  images: np.ndarray,
  *,
  num_bits: int,
  batch_size: int,
  conditions: Callable[[slice], tf.Tensor] | None = None,
) -> dict[str, float]:
  """Writes the test bits/dim for several weights, with one noise draw.

  Args:
    step: The step.
    log_probs: Functions like those of `evaluation.make_log_prob`, by name.
      'raw' is written as 'test/bits_per_dim', any other NAME as
      'test/bits_per_dim_NAME'.
    images: uint8 [N, H, W, C].
    num_bits: Bits per channel.
    batch_size: Number of images per batch.
    conditions: See `evaluation.bits_per_dim`.

  Returns:
    A dict from the names of `log_probs` to the mean bits/dim.
  """
  results = {}
  for name, log_prob in log_probs.items():
    bits = evaluation.bits_per_dim(
      log_prob,
      images,
      num_bits=num_bits,
      draws=1,
      batch_size=batch_size,
      conditions=conditions,
    )
    results[name] = float(np.mean(bits))
    suffix = '' if name == 'raw' else f'_{name}'
    tf.summary.scalar(f'test/bits_per_dim{suffix}', results[name], step)
  return results


def write_samples(
  step: int,
  flow,
  num_bits: int,
  number: int = 8,
  seed: int = 0,
  noise_scale: float = 0.0,
) -> None:
  """Writes samples of the same latents at all `TEMPERATURES`.

  Args:
    step: The step.
    flow: The distribution.
    num_bits: Bits per channel.
    number: Number of samples. At temperature 0 all samples are the same, and
      only one is written.
    seed: Seed of the latents.
    noise_scale: See `evaluation.sample`.
  """
  for temperature in TEMPERATURES:
    images = evaluation.sample(
      flow,
      number if temperature else 1,
      temperature=temperature,
      num_bits=num_bits,
      seed=seed,
      noise_scale=noise_scale,
    )
    tag = f'samples/temperature_{temperature:g}'
    tf.summary.image(tag, viewable(images), step, max_outputs=number)


def write_sample_rows(
  step: int,
  flow,
  condition: Condition,
  images: np.ndarray,
  conditions: Callable[[slice], tf.Tensor],
  num_bits: int,
  noise_scale: float = 0.0,
) -> None:
  """Writes samples given conditions at all `TEMPERATURES` except 0.

  Args:
    step: The step.
    flow: The conditional flow.
    condition: See `sample_rows`.
    images: See `sample_rows`.
    conditions: See `sample_rows`.
    num_bits: Bits per channel.
    noise_scale: See `evaluation.sample`.
  """
  for temperature in TEMPERATURES[1:]:
    rows = sample_rows(
      flow,
      condition,
      images,
      conditions,
      temperature=temperature,
      num_bits=num_bits,
      noise_scale=noise_scale,
    )
    picture = tile(rows.images, len(rows.rows[0][1]), gap=1)
    tag = f'samples/temperature_{temperature:g}'
    tf.summary.image(tag, viewable(picture)[np.newaxis], step)


def write_layers(
  step: int, density, images: np.ndarray, num_bits: int
) -> Description:
  """Writes the statistics of levels and layers on a few test images.

  Args:
    step: The step.
    density: A flow, or a `FlowWithNoise`.
    images: uint8 [N, H, W, C]. A few are enough: each layer runs eagerly, once
      in each direction.
    num_bits: Bits per channel.

  Returns:
    `Description`.
  """
  values = tfp_cinc.dequantize(images, num_bits, seed=tf.constant([0, 0]))
  description = describe(density, values, num_bits)
  for level, bits in enumerate(description.levels):
    tf.summary.scalar(f'levels/bits_per_dim_{level}', bits, step)
  for layer in description.layers:
    tf.summary.scalar(f'log_det/{layer.name}', layer.log_det, step)
    tf.summary.scalar(f'reconstruction_error/{layer.name}', layer.error, step)
  return description


def describe(density, images: tf.Tensor, num_bits: int) -> Description:
  """Computes the statistics of all layers and levels, in full precision.

  Args:
    density: A flow that `tfp_cinc.latents.log_prob_by_level` accepts, or a
      `FlowWithNoise` of one, whose noise replaces that of the images.
    images: Floating-point [N, H, W, C], as returned by `tfp_cinc.dequantize`.
    num_bits: Bits per channel.

  Returns:
    `Description`.
  """
  density, images = full_precision(density), tf.cast(images, density.dtype)
  size = int(np.prod(images.shape[1:]))
  layers, names = [], []

  def measure(layer, x):
    y, log_det = layer.value_and_log_det(x)
    # A new tensor, because TFP would return the cached x for the old y.
    back = layer.value(tf.identity(y), backwards=True)
    names.append(unique_name(layer.name, names))
    layers.append(
      Layer(
        names[-1],
        layer.level,
        float(np.mean(log_det)) / size,
        float(tf.reduce_max(tf.abs(back - x))),
      )
    )
    return y

  flow, log_q = density, 0.0
  if isinstance(density, FlowWithNoise):
    flow = density.flow
    images, log_q = density.move(images)
  walk(root(flow), tf.identity(images), measure, invert=True)
  _, log_probs = latents.log_prob_by_level(flow, images)
  bits = latents.bits_per_dim_by_level(
    tf.cast(log_probs, tf.float64), latents.latent_levels(flow), num_bits
  )
  levels = np.mean(bits, axis=0)
  levels[0] += np.mean(log_q) / (size * np.log(2.0))
  return Description(layers, levels.tolist())
