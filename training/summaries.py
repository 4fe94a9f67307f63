"""What TensorBoard shows of a run.

The caller has a `tf.summary` writer as default. Tags:

- train/: bits_per_dim, gradient_norm, learning_rate, images_per_second,
  skipped_steps, workers;
- test/: bits_per_dim of the weights that are trained, bits_per_dim_average of
  their moving average;
- samples/temperature_T: images of the same latents times T;
- levels/bits_per_dim_L: what level L costs; learned noise counts to level 0;
- log_det/LAYER and reconstruction_error/LAYER: of each layer.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

import tfp_cinc
from tfp_cinc import latents
from tfp_cinc.tree import root, unique_name, walk
from training import evaluate
from training.flow_with_noise import FlowWithNoise, full_precision
from training.pictures import viewable

__all__ = [
  'TEMPERATURES',
  'Description',
  'Layer',
  'describe',
  'write_layers',
  'write_samples',
  'write_test',
  'write_train',
]

TEMPERATURES = (0.0, 0.5, 0.7, 1.0)


@dataclasses.dataclass(frozen=True)
class Layer:
  """What a layer does to some images.

  Attributes:
    name: chain/layer, as 'level_0_step_3/coupling'.
    level: of the multi-scale flow, from 0.
    log_det: of the way from image to latent, in nats: the mean over the images,
      divided by the number of dimensions of an image, so that layers add up.
    error: the largest |inverse(forward(x)) - x| of the values that reach it.
  """

  name: str
  level: int
  log_det: float
  error: float


@dataclasses.dataclass(frozen=True)
class Description:
  """What the parts of a flow do to some images.

  Attributes:
    layers: in the order from image to latent.
    levels: bits/dim of each level, see `tfp_cinc.latents.latent_levels`, the
      mean over the images; their sum is the flow's. Level 0 has the cost of
      learned noise too, its log-density.
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
    step: its number.
    metrics: of `steps.make_train_step`: 'bits_per_dim' and 'gradient_norm'.
    learning_rate: of this step.
    images_per_second: of all workers, since the last call.
    skipped_steps: how many so far.
    workers: how many there are now.
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
) -> dict[str, float]:
  """Writes the test bits/dim by several weights, one noise draw an image.

  Args:
    step: number of the step.
    log_probs: functions as of `steps.make_log_prob`, by name: 'raw' is written
      as 'test/bits_per_dim', another NAME as 'test/bits_per_dim_NAME'.
    images: uint8 [N, H, W, C].
    num_bits: of a pixel.
    batch_size: how many images to put through a flow at once.

  Returns:
    The mean bits/dim by the names of `log_probs`.
  """
  results = {}
  for name, log_prob in log_probs.items():
    bits = evaluate.bits_per_dim(
      log_prob, images, num_bits=num_bits, draws=1, batch_size=batch_size
    )
    results[name] = float(np.mean(bits))
    suffix = '' if name == 'raw' else f'_{name}'
    tf.summary.scalar(f'test/bits_per_dim{suffix}', results[name], step)
  return results


def write_samples(
  step: int, flow, num_bits: int, number: int = 8, seed: int = 0
) -> None:
  """Writes samples of the same latents at all `TEMPERATURES`.

  Args:
    step: number of the step.
    flow: the distribution.
    num_bits: of a pixel.
    number: of samples; one at temperature 0, where all are the same.
    seed: of the latents.
  """
  for temperature in TEMPERATURES:
    images = evaluate.sample(
      flow,
      number if temperature else 1,
      temperature=temperature,
      num_bits=num_bits,
      seed=seed,
    )
    tag = f'samples/temperature_{temperature:g}'
    tf.summary.image(tag, viewable(images), step, max_outputs=number)


def write_layers(
  step: int, density, images: np.ndarray, num_bits: int
) -> Description:
  """Writes what levels and layers do to a few test images.

  Args:
    step: number of the step.
    density: a flow, or a `FlowWithNoise`.
    images: uint8 [N, H, W, C]; a few are enough: every layer runs eagerly, once
      each way.
    num_bits: of a pixel.

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
  """Takes a flow apart on images, in full precision.

  Args:
    density: a flow as `tfp_cinc.latents.log_prob_by_level` takes it, or a
      `FlowWithNoise` of one, whose noise then replaces that of the images.
    images: floating [N, H, W, C], as `tfp_cinc.dequantize` makes them.
    num_bits: of a pixel.

  Returns:
    `Description`.
  """
  density, images = full_precision(density), tf.cast(images, density.dtype)
  size = int(np.prod(images.shape[1:]))
  layers, names = [], []

  def measure(layer, x):
    y, log_det = layer.value_and_log_det(x)
    # A tensor of its own: TFP would return the x that it has cached for y.
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
