"""directions.npz, the attribute directions of a run."""

import pathlib
import shlex
from collections.abc import Callable

import numpy as np

from tfp_cinc import latents

from ..errors import UserError

__all__ = ['DIRECTIONS', 'read_directions', 'run_directions']

DIRECTIONS = 'directions.npz'


def run_directions(
  folder, flow, say: Callable[[str], None] = print
) -> latents.AttributeDirections | None:
  """Returns the attribute directions of a run, if they fit its weights.

  Args:
    folder: The folder of the run.
    flow: Flow with the weights that are used.
    say: Called with a sentence if there are directions that cannot be used.

  Returns:
    `tfp_cinc.latents.AttributeDirections`; None if there are none, or if the
    file is damaged, belongs to other weights or does not say to which.
  """
  path = pathlib.Path(folder, DIRECTIONS)
  if not path.exists():
    return None
  weights = latents.weights_digest(flow)
  try:
    found = read_directions(path, flow.event_shape.as_list(), weights)
  except UserError as error:
    say(f'Directions are not used: {error}')
    return None
  if found.weights is None:
    say(
      f'Directions are not used: {path} does not say to which weights it '
      'belongs; learn them again by `tfp-cinc attributes '
      f'{shlex.quote(str(folder))}`.'
    )
    return None
  return found


def read_directions(
  path, image_shape, weights: str | None = None
) -> latents.AttributeDirections:
  """Reads attribute directions for the latents of images of a shape.

  Args:
    path: The .npz file.
    image_shape: [H, W, C] of the flow.
    weights: `tfp_cinc.latents.weights_digest` of the flow. None accepts any.

  Returns:
    `tfp_cinc.latents.AttributeDirections`.

  Raises:
    UserError: If the file is missing or damaged, or is for other latents or
      other weights.
  """
  # A pipe would be waited for.
  if pathlib.Path(path).exists() and not pathlib.Path(path).is_file():
    raise UserError(
      f'{path} is not a file; name an .npz file that `tfp-cinc attributes` '
      'wrote.'
    )
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
  if None not in (weights, found.weights) and weights != found.weights:
    raise UserError(
      f'{path} holds directions that were learned with other weights; learn '
      'them again by `tfp-cinc attributes`.'
    )
  return found
