"""The command that learns directions of attributes."""

import contextlib
import pathlib

import numpy as np

from tfp_cinc import latents
from training import workdir
from training.errors import UserError
from training.own_data import own_data
from training.splits import find_split
from training.tracked import tracked
from training.trained_flow import open_flow

__all__ = ['attributes']


def attributes(path: str, *, split, data, limit, method, output) -> None:
  """Learns the direction of each attribute and writes them.

  Args:
    path: of the flow.
    split: its name, see `find_split`; None for the training images, or all
      `data`.
    data: a folder or file of labelled images; None for what the flow was
      trained on.
    limit: the first so many images; None for all.
    method: see `tfp_cinc.latents.attribute_directions`.
    output: the .npz file; None for directions.npz in the run's folder.
  """
  if output is not None and pathlib.Path(output).suffix != '.npz':
    raise UserError(
      f'--output {output} must be the name of an .npz file, as directions.npz.'
    )
  in_run = output is None and (pathlib.Path(path) / 'config.json').exists()

  def hold():
    """Keeps a run from being trained on, where it is its folder."""
    if not in_run:
      return contextlib.nullcontext()
    return workdir.lock(path, 'name another file by --output')

  with hold():
    pass  # so that it is told before the work
  flow = open_flow(path)
  dataset, split = own_data(flow, data, split, 'train')
  chosen = find_split(dataset, split, limit)
  if not chosen.has_labels:
    raise UserError(
      f'the {split} images of {dataset.name} have no labels: name labelled '
      'images by --data, such as a folder with a sub-folder for each class.'
    )
  names = dataset.label_names

  def batches():
    for images, labels in tracked(
      chosen.batches(flow.batch_size),
      chosen.number,
      'encoded {} images',
      lambda batch: len(batch[0]),
    ):
      if labels.ndim == 1:
        labels = latents.one_hot_attributes(labels, number)
      yield flow.encode(images), labels

  number = _count(dataset) if names is None else len(names)
  try:
    found = latents.attribute_directions(batches(), method, names)
  except ValueError as error:
    raise UserError(f'{dataset.name}: {error}') from None
  target = pathlib.Path(output or flow.folder / 'directions.npz')
  with hold():
    try:
      target.parent.mkdir(parents=True, exist_ok=True)
      found.save(target)
    except OSError as error:
      raise UserError(
        f'{target} cannot be written: {error.strerror or error}.'
      ) from None
  shown = ', '.join(found.names[:12]) + (
    ', ...' if len(found.names) > 12 else ''
  )
  print(
    f'Wrote {target}: {len(found.names)} directions ({shown}) from '
    f'{chosen.number} {split} images of {dataset.name}'
  )


def _count(dataset):
  """How many classes there are, where they have no names."""
  found = [dataset.train_labels, dataset.test_labels]
  return 1 + max(int(np.max(x)) for x in found if x is not None)
