"""directions.npz, the attribute directions of a run."""

import pathlib
from collections.abc import Callable

import numpy as np

from tfp_cinc import latents

from ..errors import UserError
from .checkpoint_list import find

__all__ = ['DIRECTIONS', 'read_directions', 'run_directions']

DIRECTIONS = 'directions.npz'


def run_directions(
  folder, step: int, image_shape, say: Callable[[str], None] = print
) -> latents.AttributeDirections | None:
  """Returns the attribute directions of a run, if they fit its weights.

  Args:
    folder: The folder of the run.
    step: Step of the checkpoint whose weights are used.
    image_shape: [H, W, C] of the flow.
    say: Called with a sentence if the directions belong to other weights.

  Returns:
    `tfp_cinc.latents.AttributeDirections`; None if there are none, or if the
    checkpoint that was the newest when they were learned is another one.

  Raises:
    UserError: See `read_directions`.
  """
  path = pathlib.Path(folder, DIRECTIONS)
  if not path.exists():
    return None
  learned = path.stat().st_mtime
  of_step = next(
    (
      found.step
      for found in find(path.parent / 'checkpoints')  # the newest first
      if (found.written or 0.0) <= learned and found.fault() is None
    ),
    None,
  )
  if of_step != step:
    say(
      f'{path} is not used: it belongs to other weights than those of step '
      f'{step}; learn the directions of the newest weights by `tfp-cinc '
      f'attributes {folder}`.'
    )
    return None
  return read_directions(path, image_shape)


def read_directions(path, image_shape) -> latents.AttributeDirections:
  """Reads attribute directions for the latents of images of a shape.

  Args:
    path: The .npz file.
    image_shape: [H, W, C] of the flow.

  Returns:
    `tfp_cinc.latents.AttributeDirections`.

  Raises:
    UserError: If the file is missing or damaged, or is for other latents.
  """
  try:
    found = latents.AttributeDirections.load(path)
  except ValueError as error:
    raise UserError(str(error)) from None
  if found.layer is not None:
    raise UserError(
      f'{path} holds directions of the activations of {found.layer}; '
      'directions of the latents are needed here.'
    )
  size = int(np.prod(image_shape))
  if found.directions.shape[1] != size:
    raise UserError(
      f'{path} holds directions of {found.directions.shape[1]} numbers; the '
      f'latents of this flow have {size}.'
    )
  return found
