"""Samples given conditions, as rows of a picture."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

import tfp_cinc

from ...data.condition import Condition
from .. import evaluation

__all__ = ['SampleRows', 'sample_rows']

_MOST_ROWS = 20
_TEST_ROWS = 8  # rows if each shows a test image
_COLUMNS = 8
_HOLE = 128  # gray value


@dataclasses.dataclass(frozen=True)
class SampleRows:
  """Rows of images.

  Attributes:
    rows: List of the name and the images uint8 [M, H, W, C] of each row.
    columns: Names of the columns; empty if all are samples.
  """

  rows: list[tuple[str, np.ndarray]]
  columns: tuple[str, ...] = ()

  @property
  def images(self) -> np.ndarray:
    """All images, uint8 [N, H, W, C], row after row."""
    return np.concatenate([images for _, images in self.rows])


def sample_rows(
  flow,
  condition: Condition,
  images: np.ndarray,
  conditions: Callable[[slice], tf.Tensor],
  *,
  temperature: float,
  num_bits: int,
  seed: int = 0,
  noise_scale: float = 0.0,
) -> SampleRows:
  """Draws samples given each class, or given the conditions of test images.

  Args:
    flow: The conditional flow.
    condition: Its condition.
    images: uint8 [N, H, W, C], test images.
    conditions: Their conditions, see `held_out_conditions`.
    temperature: Factor of the latents; 1 is the distribution of the flow.
    num_bits: Bits per channel.
    seed: Seed of the latents.
    noise_scale: See `evaluation.sample`.

  Returns:
    `SampleRows`: if the condition is a class, a row of samples for each of the
    first 20 classes. Otherwise a row for each of some test images, which shows
    its condition if that is a map, samples, and the image.
  """

  def draw(given, number):
    found = evaluation.sample(
      flow,
      number * len(given),
      temperature=temperature,
      num_bits=num_bits,
      seed=seed,
      condition=tf.repeat(given, number, axis=0),
      noise_scale=noise_scale,
    )
    return found.reshape([len(given), number, *found.shape[1:]])

  if condition.num_classes is not None:
    names = condition.class_names[:_MOST_ROWS]
    classes = tf.one_hot(range(len(names)), condition.num_classes)
    return SampleRows([*zip(names, draw(classes, _COLUMNS), strict=True)])
  step = max(1, len(images) // _TEST_ROWS)
  places = range(0, len(images), step)[:_TEST_ROWS]
  chosen = images[list(places)]
  given = tf.concat([conditions(slice(i, i + 1)) for i in places], 0)
  samples = draw(given, _COLUMNS - 2)
  shown = _shown(condition, chosen, given)
  parts = [samples, chosen[:, np.newaxis]]
  columns = ['sample', *[''] * (_COLUMNS - 3), 'image']
  if shown is not None:
    parts.insert(0, shown[:, np.newaxis])
    columns.insert(0, 'given')
  rows = np.concatenate(parts, axis=1)
  return SampleRows([('', row) for row in rows], tuple(columns))


def _shown(condition, images, given):
  """Returns pictures of conditions, uint8 [n, H, W, C], or None."""
  if condition.input.kind == 'mask':
    hole = np.asarray(given)[..., -1:] > 0
    return np.where(hole, np.uint8(_HOLE), images)
  if condition.input.kind == 'low_resolution':
    factor = images.shape[1] // condition.shape[0]
    low = tfp_cinc.quantize(given, condition.num_bits).numpy()
    return low.repeat(factor, axis=1).repeat(factor, axis=2)
  return None
