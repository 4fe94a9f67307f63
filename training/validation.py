"""Checks of a configuration before anything is loaded or written.

They need no TensorFlow, so a mistake is reported at once.
"""

import importlib.util
import os

from .configs.options import check_values
from .data.location import check_location
from .errors import UserError

__all__ = ['check_config_values']


def check_config_values(config) -> None:
  """Raises `UserError` if a run of a configuration cannot start.

  Args:
    config: The whole configuration.

  Raises:
    UserError: If a value is out of range, the data are not where the
      configuration says, or Horovod is missing.
  """
  check_values(config)
  check_location(config.data)
  size = int(os.environ.get('HOROVOD_SIZE', '1'))
  if size > 1 and importlib.util.find_spec('horovod') is None:
    raise UserError(
      f'{size} workers were started but Horovod is not installed in this '
      'environment; `make setup WORKERS=2` builds it.'
    )
