"""Checks of a configuration before anything is loaded or written.

They need no TensorFlow, so a mistake is reported at once.
"""

import importlib.util
import os

from .configs.options import check_values
from .data.location import check_location
from .errors import UserError
from .run_folder.config_file import check_flow, is_weights, names_in_package

__all__ = ['check_config_values']

_MOST_VALUES = 2**29  # of the pixels of a batch, 2 GiB in float32


def check_config_values(config) -> None:
  """Raises `UserError` if a run of a configuration cannot start.

  Args:
    config: The whole configuration.

  Raises:
    UserError: If a value is out of range, a batch is too large for any machine,
      the image size is not divisible by the factor of a low resolution, the
      data or the initial weights are not where the configuration says, or
      Horovod is missing.
  """
  check_values(config)
  size = int(os.environ.get('HOROVOD_SIZE', '1'))
  is_shared = config.train.scale_rule == 'global'
  for key, number in (
    ('train.batch_size', config.train.batch_size // (size if is_shared else 1)),
    ('train.init_images', config.train.init_images),
    ('eval.batch_size', config.eval.batch_size),
  ):
    _check_batch(config.data, key, number)
  factor = config.data.low_resolution_factor
  if (
    config.flow.condition == 'low_resolution'
    and config.data.image_size % factor
  ):
    raise UserError(
      f'config.data.image_size is {config.data.image_size}; it must be '
      f'divisible by config.data.low_resolution_factor, {factor}.'
    )
  check_location(config.data)
  _check_initial_weights(config.train.initial_weights)
  if size > 1 and importlib.util.find_spec('horovod') is None:
    raise UserError(
      f'{size} workers were started but Horovod is not installed in this '
      'environment; `tfp-cinc build-horovod` builds it.'
    )


def _check_initial_weights(name):
  if not name:
    return
  if not is_weights(name):
    raise UserError(
      f'config.train.initial_weights is {name!r}; it must be the path of a '
      '.npz file of `tfp-cinc export`, or one of the trained flows of the '
      f'package, {", ".join(names_in_package())}.'
    )
  check_flow(name)


def _check_batch(data, key, number):
  side = data.image_size
  most = _MOST_VALUES // (side * side * data.channels)
  if number > most:
    raise UserError(
      f'config.{key} is {number} images of {side}x{side} pixels in one worker, '
      f'which no machine can hold; it must be at most {most} for this '
      'config.data.image_size.'
    )
