"""Opens a trained flow, whether of a run or of a SavedModel."""

import pathlib

from ..run_folder.config_file import check_flow
from .from_run import from_run
from .from_saved_model import from_saved_model
from .trained_flow import TrainedFlow

__all__ = ['open_flow']


def open_flow(path) -> TrainedFlow:
  """Opens the trained flow of a run or of a SavedModel.

  Of a run, the newest intact checkpoint is used, with the averaged weights.
  Nothing is written, so the run may be training.

  Args:
    path: The folder of the run or of the SavedModel.

  Returns:
    `TrainedFlow`.

  Raises:
    UserError: If there is no flow, or it cannot be used.
  """
  path = pathlib.Path(path)
  check_flow(path)
  is_model = (path / 'saved_model.pb').exists()
  return TrainedFlow(path, (from_saved_model if is_model else from_run)(path))
