"""tfp-cinc attributes."""

import contextlib
import pathlib

import click
import numpy as np

from ..errors import UserError
from ..progress import tracked
from ..run_folder.lock import lock_folder
from .options import check_output, click_command, data_options, flow_argument

__all__ = ['command']


@click_command(
  'attributes',
  'runs/cinc_digits',
  short_help='Learn the direction of each attribute.',
)
@flow_argument
@data_options('train')
@click.option(
  '--method',
  type=click.Choice(['correlation', 'class_means']),
  default='correlation',
  show_default=True,
  help="Correlation C = A^T Z as in the CInC paper, or Glow's difference of "
  'class means.',
)
@click.option(
  '--output',
  metavar='FILE',
  help='.npz file to write. [default: directions.npz in the folder of the run '
  'or, for other flows, here]',
)
def command(path, split, data, limit, method, output):
  """Learn the direction of each attribute from labeled images.

  PATH is a trained flow: the folder of a run or of a SavedModel, a file of
  weights, or a name such as cinc_digits. Each class is an attribute.
  The labels of a folder of images are its sub-folders.
  """
  if output is not None and pathlib.Path(output).suffix != '.npz':
    raise UserError(
      f'--output {output} must be the name of an .npz file, such as '
      'directions.npz.'
    )
  check_output(output)
  is_run = (pathlib.Path(path) / 'config.json').exists()

  def lock():
    """Keeps others from training in the folder of the run."""
    if output is not None or not is_run:
      return contextlib.nullcontext()
    return lock_folder(path, 'name another file by --output')

  with lock():
    pass  # so that the work does not start if it is taken
  from tfp_cinc import latents

  from ..data.splits import find_split
  from ..trained import open_flow
  from ..trained.own_data import own_data, own_labels

  flow = open_flow(path)
  dataset, split = own_data(flow, data, split, 'train')
  chosen = find_split(dataset, split, limit)
  if not chosen.has_labels:
    raise UserError(
      f'the {split} images of {dataset.name} have no labels: name labeled '
      'images by --data, such as a folder with a sub-folder for each class.'
    )
  names = dataset.label_names
  number = _number_of_classes(dataset) if names is None else len(names)

  def batches():
    for images, labels in tracked(
      chosen.batches(flow.batch_size),
      chosen.number,
      'encoded {} images',
      lambda batch: len(batch[0]),
    ):
      given = flow.condition_of(images, own_labels(flow, dataset, labels))
      encoded = flow.encode(images, given)
      if labels.ndim == 1:
        labels = latents.one_hot_attributes(labels, number)
      yield encoded, labels

  try:
    found = latents.attribute_directions(
      batches(), method, names, weights=flow.weights
    )
  except ValueError as error:
    raise UserError(f'{dataset.name}: {error}') from None
  target = pathlib.Path(output or flow.folder / 'directions.npz')
  with lock():
    try:
      target.parent.mkdir(parents=True, exist_ok=True)
      found.save(target)
    except OSError as error:
      raise UserError(
        f'{target} cannot be written: {error.strerror or error}.'
      ) from None
  more = ', ...' if len(found.names) > 12 else ''
  print(
    f'Wrote {target}: {len(found.names)} directions '
    f'({", ".join(found.names[:12])}{more}) from {chosen.number} {split} '
    f'images of {dataset.name}'
  )


def _number_of_classes(dataset):
  found = [dataset.train_labels, dataset.test_labels]
  return 1 + max(int(np.max(x)) for x in found if x is not None)
