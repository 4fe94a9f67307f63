"""The SavedModel of a run."""

import json
import pathlib

import tfp_cinc
from training import workdir
from training.errors import UserError
from training.flow_sources import read_directions, run_directions
from training.run import load_run

__all__ = ['export', 'write_saved_model']

_FILES = ('config.json',)
_PICTURES = ('samples.png', 'reconstructions.png')


def export(
  folder: str,
  *,
  output,
  directions,
  precision,
  licence,
  checkpoint: str = 'newest',
) -> None:
  """Writes the SavedModel of one of a run's checkpoints.

  Args:
    folder: the run's workdir.
    output: the SavedModel's folder; None for saved_model in the run's.
    directions: an .npz file of attribute directions; None for the run's own.
    precision: 'full' or 'bfloat16', see `tfp_cinc.export_saved_model`.
    licence: of the data; None for what the data set says.
    checkpoint: 'newest' or 'best', see `load_run`.
  """
  if pathlib.Path(folder, 'saved_model.pb').exists():
    raise UserError(
      f'{folder} is a SavedModel already; name the folder of a run.'
    )
  workdir.read_config(folder)
  options = (directions, precision, licence, checkpoint)
  if output is None:
    # Whoever trains in it writes there at its end.
    with workdir.lock(folder, 'name another folder by --output'):
      target = pathlib.Path(folder, 'saved_model')
      _export(folder, target, *options)
  else:
    target = pathlib.Path(output)
    _export(folder, target, *options)
  print(f'Wrote {target}')


def _export(folder, target, directions, precision, licence, checkpoint):
  run = load_run(folder, checkpoint=checkpoint)
  run.average.apply()
  found = None
  if directions is not None:
    found = read_directions(directions, run.dataset.image_shape)
  try:
    write_saved_model(
      run,
      target,
      metrics=_metrics(run),
      directions=found,
      precision=precision,
      licence=licence,
    )
  except ValueError as error:
    raise UserError(str(error)) from None
  except OSError as error:
    raise UserError(
      f'{target} cannot be written: {error.strerror or error}.'
    ) from None


def write_saved_model(
  run,
  path,
  *,
  metrics: dict | None = None,
  directions=None,
  precision: str = 'full',
  licence: str | None = None,
) -> None:
  """Writes the flow of a run, its weights as they are now.

  Beside it go the run's configuration, its figures and pictures where they are
  of these weights, and its directions.npz where that is.

  Args:
    run: `Run`.
    path: the SavedModel's folder.
    metrics: what is in metrics.json; None where nothing was measured.
    directions: `AttributeDirections`; None for those of the run.
    precision: see `tfp_cinc.export_saved_model`.
    licence: of the data; None for what the data set says.
  """
  if directions is None:
    directions = run_directions(run, run.say)
  names = _FILES if metrics is None else (*_FILES, *_PICTURES)
  files = {
    name: run.folder / name for name in names if (run.folder / name).exists()
  }
  if metrics is not None:
    files['metrics.json'] = (json.dumps(metrics, indent=2) + '\n').encode()
  tfp_cinc.export_saved_model(
    run.flow,
    path,
    run.dataset.image_shape,
    run.config.data.num_bits,
    noise=getattr(run.density, 'noise', None),
    directions=directions,
    card={
      'data': run.dataset.name,
      'data_licence': licence or run.dataset.licence or None,
      'step': int(run.step),
      'metrics': metrics,
    },
    extra_files=files,
    precision=precision,
  )


def _metrics(run):
  """What metrics.json says, if it is of this step."""
  try:
    metrics = json.loads((run.folder / 'metrics.json').read_text())
    return metrics if metrics['step'] == int(run.step) else None
  except (OSError, ValueError, KeyError, TypeError):
    return None
