"""tfp-cinc export."""

import contextlib
import dataclasses
import json
import pathlib
import sys

import click

from ..errors import UserError
from ..run_folder.config_file import read_config
from ..run_folder.lock import lock_folder
from .options import check_output, click_command, run_argument

__all__ = ['command']


@click_command('export', 'runs/cinc_digits --output digits_model')
@run_argument
@click.option(
  '--output',
  metavar='PATH',
  help='Folder of the SavedModel, or an .npz file for the weights only, which '
  '`tfp_cinc.models.load` reads. [default: saved_model in the folder of the '
  'run]',
)
@click.option(
  '--directions',
  metavar='FILE',
  help='.npz file that `attributes` wrote. [default: directions.npz of the '
  'run, if it exists]',
)
@click.option(
  '--checkpoint',
  type=click.Choice(['newest', 'best']),
  default='newest',
  show_default=True,
  help='Checkpoint to export; best is that of the lowest test bits/dim '
  'measured during training.',
)
@click.option(
  '--precision',
  type=click.Choice(['full', 'bfloat16']),
  default='full',
  show_default=True,
  help='Precision of the coupling networks; full is float32.',
)
@click.option(
  '--license', metavar='TEXT', help='License of the data, for the model card.'
)
def command(run, output, directions, checkpoint, precision, license):
  """Write the SavedModel of a run, or a file of its weights.

  RUN is the folder of the run. The SavedModel has the averaged weights, the
  attribute directions and a model card. The data set is not needed.
  """
  if pathlib.Path(run, 'saved_model.pb').exists():
    raise UserError(f'{run} is a SavedModel already; name the folder of a run.')
  read_config(run)
  is_file = output is not None and pathlib.Path(output).suffix == '.npz'
  if is_file and (directions is not None or precision != 'full'):
    raise UserError(
      f'--output {output} is a file of weights, which holds no directions and '
      'is always in full precision; name a folder for a SavedModel.'
    )
  check_output(output, is_folder=not is_file)
  lock = contextlib.nullcontext()
  if output is None:
    # A process that trains in the folder writes there at its end.
    lock = lock_folder(run, 'name another folder by --output')
  with lock:
    target = pathlib.Path(output or pathlib.Path(run, 'saved_model'))
    _export(run, target, directions, checkpoint, precision, license)
  print(f'Wrote {target}')


def _export(folder, target, directions, checkpoint, precision, license):
  from tfp_cinc.latents import weights_digest

  from ..loop.export import write_saved_model
  from ..run_folder.directions import read_directions, run_directions
  from ..trained.from_run import restore_run
  from ..trained.weights_file import write_weights

  run = restore_run(folder, checkpoint)
  data = run.data
  if license is not None:
    data = dataclasses.replace(data, license=license)
  if target.suffix == '.npz':
    write_weights(run, target, data, _metrics(run))
    return
  if directions is None:
    found = run_directions(folder, run.model.flow, _say)
  else:
    weights = weights_digest(run.model.flow)
    found = read_directions(directions, run.data.image_shape, weights)
  write_saved_model(
    run.model,
    target,
    folder=run.folder,
    data=data,
    num_bits=run.config.data.num_bits,
    step=run.step,
    metrics=_metrics(run),
    directions=found,
    precision=precision,
  )


def _metrics(run):
  """Returns the content of metrics.json if it belongs to this step."""
  try:
    metrics = json.loads((run.folder / 'metrics.json').read_text())
    return metrics if metrics['step'] == run.step else None
  except (OSError, ValueError, KeyError, TypeError):
    return None


def _say(sentence):
  print(sentence, file=sys.stderr)
