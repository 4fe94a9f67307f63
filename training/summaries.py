"""What TensorBoard shows of a run.

The caller has a `tf.summary` writer as default. Tags:

- train/: bits_per_dim, gradient_norm, learning_rate, images_per_second,
  skipped_steps, workers;
- test/: bits_per_dim of the weights that are trained, bits_per_dim_average of
  their moving average;
- samples/temperature_T: images of the same latents times T;
- levels/bits_per_dim_L: what level L costs, see `describe`;
- log_det/LAYER and reconstruction_error/LAYER: of each layer.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc
from training import evaluate

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

tfb = tfp.bijectors

TEMPERATURES = (0.0, 0.5, 0.7, 1.0)

# TFP's chains and inversions are of several classes, of which these are the
# common ones.
_CHAINS = (tfb.Chain.__mro__[1], tfp_cinc.ReversibleChain)
_INVERT = tfb.Invert.__mro__[1]


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
    levels: bits/dim of each level; their sum is the flow's.
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
    tf.summary.image(tag, images, step, max_outputs=number)


def write_layers(
  step: int, flow, images: np.ndarray, num_bits: int
) -> Description:
  """Writes what levels and layers do to a few test images.

  Args:
    step: number of the step.
    flow: the distribution.
    images: uint8 [N, H, W, C]; a few are enough: every layer runs eagerly, once
      each way.
    num_bits: of a pixel.

  Returns:
    `Description`.
  """
  values = tfp_cinc.dequantize(images, num_bits, seed=tf.constant([0, 0]))
  description = describe(flow, values, num_bits)
  for level, bits in enumerate(description.levels):
    tf.summary.scalar(f'levels/bits_per_dim_{level}', bits, step)
  for layer in description.layers:
    tf.summary.scalar(f'log_det/{layer.name}', layer.log_det, step)
    tf.summary.scalar(f'reconstruction_error/{layer.name}', layer.error, step)
  return description


def describe(flow, images: tf.Tensor, num_bits: int) -> Description:
  """Takes a flow apart on images, in full precision.

  A level of a multi-scale flow is what stands between two `LeadingChannels`:
  its squeeze, its steps and the learned prior of the channels that leave. With
  Z the latents that leave at the level, D the dimensions of an image and b the
  bits of a pixel, the level costs

    -(log N(Z; 0, I) + the sum of its layers' log-dets) / (D ln 2) + b |Z| / D

  bits/dim, mean over the images. The latents of all levels are those of the
  flow, so that this adds up to the flow's bits/dim. The part of b is the
  discretization, shared out by latents. A flow without levels is one level.

  Args:
    flow: a `tfd.TransformedDistribution` of independent, identically
      distributed latents, such as those of `tfp_cinc.models`.
    images: floating [N, H, W, C], as `tfp_cinc.dequantize` makes them.
    num_bits: b.

  Returns:
    `Description`.
  """
  images = tf.cast(images, flow.dtype)
  walk = _Walk()
  with tfp_cinc.full_precision():
    latents, levels = walk.run(
      flow.bijector, images, tf.zeros_like(images, tf.int32), True, (), 0
    )
    # Of each latent: the base is the same distribution for all.
    log_probs = flow.distribution.distribution.log_prob(latents).numpy()
  size = int(np.prod(images.shape[1:]))
  levels = levels.numpy()
  bits = []
  for level in range(np.max(levels) + 1):
    here = levels == level
    log_prob = np.sum(log_probs[here], dtype=np.float64) / len(here)
    log_prob += sum(np.mean(x) for _, at, x, _ in walk.found if at == level)
    share = np.sum(here) / here.size
    bits.append(float(-log_prob / (size * np.log(2.0)) + num_bits * share))
  layers = [
    Layer(name, level, float(np.mean(log_det)) / size, error)
    for name, level, log_det, error in walk.found
  ]
  return Description(layers, bits)


class _Walk:
  """Runs a bijector layer by layer and keeps what each of them did.

  Attributes:
    found: (name, level, log-dets float64 [N], error) of each layer.
  """

  def __init__(self):
    self.found = []
    self._names = set()

  def run(self, bijector, x, levels, invert, path, level):
    """Takes x through a bijector.

    Args:
      bijector: any bijector.
      x: values [N, ...].
      levels: int32 `Tensor` of the shape of x: the level to which each number
        belongs if it leaves now. Squeezes move the two alike.
      invert: whether the bijector's inverse is meant.
      path: names of the chains that hold it.
      level: the level that it belongs to.

    Returns:
      (values, levels) behind it.
    """
    if isinstance(bijector, _INVERT):
      return self.run(bijector.bijector, x, levels, not invert, path, level)
    if isinstance(bijector, tfp_cinc.LeadingChannels):
      count = bijector.num_channels
      inner = (x[..., :count], levels[..., :count] + 1)
      inner = self.run(bijector.bijector, *inner, invert, path, level + 1)
      outer = (x[..., count:], levels[..., count:])
      pairs = zip(inner, outer, strict=True)
      return tuple(tf.concat(pair, -1) for pair in pairs)
    if isinstance(bijector, tfp_cinc.Reshaped):
      shape = x.shape
      inner = [
        tf.reshape(t, [shape[0], *bijector.inner_shape]) for t in (x, levels)
      ]
      inner = self.run(bijector.bijector, *inner, invert, path, level)
      return tuple(tf.reshape(t, shape) for t in inner)
    if isinstance(bijector, _CHAINS):
      parts = bijector.bijectors
      for part in parts if invert else parts[::-1]:
        name = (*path, bijector.name)
        x, levels = self.run(part, x, levels, invert, name, level)
      return x, levels
    y = self._measure(bijector, x, invert, path, level)
    if isinstance(bijector, tfp_cinc.Squeeze):
      move = bijector.inverse if invert else bijector.forward
      levels = tf.cast(move(tf.cast(levels, bijector.dtype)), tf.int32)
    return y, levels

  def _measure(self, bijector, x, invert, path, level):
    if invert:
      bijector = tfb.Invert(bijector, name=bijector.name)
    y = bijector.forward(x)
    log_det = bijector.forward_log_det_jacobian(x, x.shape.rank - 1)
    # A tensor of its own: TFP would return the x that it has cached for y.
    back = bijector.inverse(tf.identity(y))
    self.found.append(
      (
        self._name(bijector, path),
        level,
        np.broadcast_to(np.asarray(log_det, np.float64), x.shape[:1]),
        float(tf.reduce_max(tf.abs(back - x))),
      )
    )
    return y

  def _name(self, bijector, path):
    """The innermost chain and the layer, numbered where there are several."""
    name = stem = '/'.join([*path[-1:], bijector.name])
    number = 1
    while name in self._names:
      number += 1
      name = f'{stem}_{number}'
    self._names.add(name)
    return name
