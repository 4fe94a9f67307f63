"""The SavedModel of a run."""

import json
import pathlib

import tfp_cinc

from ..data.facts import DataFacts
from ..errors import UserError
from .model import Model

__all__ = ['write_saved_model']

_PICTURES = ('samples.png', 'reconstructions.png')


def write_saved_model(
  model: Model,
  path,
  *,
  folder: pathlib.Path,
  data: DataFacts,
  num_bits: int,
  step: int,
  metrics: dict | None = None,
  directions=None,
  precision: str = 'full',
) -> None:
  """Writes the SavedModel of a model with its present weights.

  The SavedModel holds the configuration of the run too, and, if `metrics` is
  given, its metrics and pictures.

  Args:
    model: `Model`.
    path: Folder of the SavedModel.
    folder: The folder of the run.
    data: Facts of the data set.
    num_bits: Bits per channel.
    step: Step of the weights.
    metrics: The content of metrics.json; None if these weights have not been
      evaluated.
    directions: `AttributeDirections`, or None.
    precision: See `tfp_cinc.export_saved_model`.

  Raises:
    UserError: If the disk is full or writing fails, if another file or folder
      is in the way, or if `directions` belong to other weights.
  """
  names = ['config.json', *(() if metrics is None else _PICTURES)]
  files = {name: folder / name for name in names if (folder / name).exists()}
  if metrics is not None:
    files['metrics.json'] = (json.dumps(metrics, indent=2) + '\n').encode()
  try:
    tfp_cinc.export_saved_model(
      model.flow,
      path,
      data.image_shape,
      num_bits,
      noise=model.noise,
      noise_scale=model.noise_scale,
      condition=None if model.condition is None else model.condition.input,
      directions=directions,
      card={
        'data': data.name,
        'data_license': data.license or None,
        'step': step,
        'metrics': metrics,
      },
      extra_files=files,
      precision=precision,
    )
  except ValueError as error:
    raise UserError(str(error)) from None
  except OSError as error:
    raise UserError(
      f'{path} cannot be written: {error.strerror or error}.'
    ) from None
