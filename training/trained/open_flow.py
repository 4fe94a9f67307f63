"""Opens a trained flow, whether of a run, a SavedModel or a file."""

import pathlib

from ..run_folder.config_file import check_flow, is_weights
from .from_run import from_run
from .from_saved_model import from_saved_model
from .from_weights import from_weights
from .trained_flow import TrainedFlow

__all__ = ['open_flow']


def open_flow(path) -> TrainedFlow:
  """Opens the trained flow of a run, of a SavedModel or of a file of weights.

  Of a run, the newest intact checkpoint is used, with the averaged weights.
  Nothing is written, so the run may be training.

  Args:
    path: The folder of the run or of the SavedModel, the path of a file of
      weights, or the name of a trained flow of the package.

  Returns:
    `TrainedFlow`.

  Raises:
    UserError: If there is no flow, or it cannot be used.
  """
  check_flow(path)
  if is_weights(path):
    return TrainedFlow(path, from_weights(path))
  path = pathlib.Path(path)
  is_model = (path / 'saved_model.pb').exists()
  return TrainedFlow(path, (from_saved_model if is_model else from_run)(path))
