"""Samples of flows that are conditional on an image: upscale and inpaint."""

from collections.abc import Sequence

import click
import numpy as np

from ...errors import UserError
from ..options import seed_option

__all__ = ['check_kind', 'draw', 'sample_options', 'write']


def sample_options(function):
  """Adds --number, --temperature and --seed."""
  for option in (
    seed_option('latents'),
    click.option(
      '--temperature',
      type=click.FloatRange(0, 1e6),
      default=0.7,
      show_default=True,
      help='Factor of the latents.',
    ),
    click.option(
      '--number',
      type=click.IntRange(1, 10_000),
      default=4,
      show_default=True,
      help='Number of samples for each image.',
    ),
  ):
    function = option(function)
  return function


def check_kind(flow, kind: str, words: str) -> None:
  """Raises `UserError` if a flow is not conditional on a kind of image.

  Args:
    flow: `TrainedFlow`.
    kind: Kind of its condition, see `tfp_cinc.ConditionInput`.
    words: The condition in words, for the message.

  Raises:
    UserError: With the configuration that trains such a flow.
  """
  if flow.condition is None or flow.condition.input.kind != kind:
    raise UserError(
      f'{flow.path} is not conditional on {words}; train such a flow with '
      f'--config.flow.condition={kind}.'
    )


def draw(flow, condition, number: int, temperature: float, seed: int):
  """Returns samples given each image, uint8 [N, number, H, W, C].

  Args:
    flow: `TrainedFlow`.
    condition: Conditions of N images, see `TrainedFlow`.
    number: Number of samples for each image.
    temperature: Factor of the latents.
    seed: Seed of the latents.
  """
  repeated = {k: np.repeat(v, number, 0) for k, v in condition.items()}
  [total] = {len(value) for value in repeated.values()}
  images = flow.sample(total, temperature, seed, condition=repeated)
  return images.reshape([-1, number, *images.shape[1:]])


def write(
  target,
  flow,
  command: str,
  names: Sequence[str],
  samples: np.ndarray,
  before: dict[str, np.ndarray],
  after: dict[str, np.ndarray],
  title: str,
) -> None:
  """Writes a row for each image, or each sample into its own file.

  Args:
    target: `Target`.
    flow: `TrainedFlow`.
    command: Name of the command.
    names: Names of the N images.
    samples: uint8 [N, S, H, W, C].
    before: Columns [N, H, W, C] before the samples, by title.
    after: Columns after them, by title.
    title: Title of the picture.
  """
  columns = [
    *(images[:, np.newaxis] for images in before.values()),
    samples,
    *(images[:, np.newaxis] for images in after.values()),
  ]
  number = samples.shape[1]
  target.write(
    flow,
    '_'.join([command, *names[:3]]),
    [*zip(names, np.concatenate(columns, axis=1), strict=True)],
    {
      f'{name}_{i:02}.png': image
      for name, row in zip(names, samples, strict=True)
      for i, image in enumerate(row)
    },
    title,
    [*before, 'sample', *[''] * (number - 1), *after],
    remedy='use a lower temperature or train longer',
  )
