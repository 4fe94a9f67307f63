"""The flow of a run, from its configuration and a checkpoint."""

import dataclasses
import functools
import pathlib
import sys

import ml_collections
import tensorflow as tf

from tfp_cinc.latents import latent_levels, weights_digest

from ..data.condition import find_condition
from ..data.facts import DataFacts
from ..data.load import load_dataset
from ..errors import UserError
from ..loop.flow_with_noise import full_precision
from ..loop.model import Model, build_model
from ..run_folder.checkpoints import Checkpoints
from ..run_folder.config_file import read_config, read_data_facts
from ..run_folder.directions import run_directions
from .flow_source import FlowSource
from .functions import flow_functions

__all__ = ['RestoredRun', 'from_run', 'restore_run']


@dataclasses.dataclass(frozen=True)
class RestoredRun:
  """The model of a run with the weights of one of its checkpoints.

  Attributes:
    folder: The folder of the run.
    config: The whole configuration.
    data: Facts of the data set.
    model: `Model`. The weights of the flow are the averaged ones.
    step: Step of the checkpoint.
  """

  folder: pathlib.Path
  config: ml_collections.ConfigDict
  data: DataFacts
  model: Model
  step: int


def restore_run(folder, checkpoint: str = 'newest') -> RestoredRun:
  """Restores the model of a run. The data set is not needed.

  Args:
    folder: The folder of the run, which may be training.
    checkpoint: 'newest', or 'best' for the lowest test bits/dim.

  Returns:
    `RestoredRun`.

  Raises:
    UserError: If there is no run or no such checkpoint, or the checkpoint does
      not fit this version of the code.
  """
  folder = pathlib.Path(folder)
  config = read_config(folder)
  data = _data_facts(folder, config)
  condition = find_condition(config, data)
  model = build_model(config, data.image_shape, condition)
  step = tf.Variable(0, trainable=False, dtype=tf.int64)
  checkpoints = Checkpoints(
    folder / 'checkpoints', keep=1, say=_say, **model.objects, step=step
  )
  restore = {
    'newest': checkpoints.restore,
    'best': checkpoints.restore_best,
  }[checkpoint]
  if restore() is None:
    which = ' with known test bits/dim' if checkpoint == 'best' else ''
    raise UserError(f'{folder} holds no checkpoint{which} yet.')
  model.average.apply()
  return RestoredRun(folder, config, data, model, int(step))


def from_run(folder: pathlib.Path) -> FlowSource:
  """Returns the flow of a run with the weights of its newest checkpoint.

  Args:
    folder: The folder of the run.

  Returns:
    `FlowSource`.

  Raises:
    UserError: See `restore_run`.
  """
  run = restore_run(folder)
  model, num_bits = run.model, run.config.data.num_bits
  exact = full_precision(model.density)
  return FlowSource(
    functions=flow_functions(
      full_precision(model.flow),
      num_bits,
      noise=None if model.noise is None else exact.noise,
      condition=None if model.condition is None else model.condition.input,
      noise_scale=model.noise_scale,
    ),
    data=run.data,
    num_bits=num_bits,
    latent_levels=latent_levels(model.flow),
    read_directions=functools.partial(run_directions, folder, model.flow, _say),
    config=run.config,
    folder=run.folder,
    weights=weights_digest(model.flow),
    condition=model.condition,
    noise_scale=model.noise_scale,
  )


def _data_facts(folder, config):
  """Reads the facts, or for runs of earlier versions loads the data set."""
  values = read_data_facts(folder)
  if values is None:
    return load_dataset(config.data).facts
  try:
    return DataFacts.from_json(values)
  except (KeyError, TypeError, ValueError):
    raise UserError(
      f'{folder / "config.json"} does not describe the data of the run; move '
      'it away and start the run again.'
    ) from None


def _say(sentence):
  """Prints to standard error, because standard output may be a table."""
  print(sentence, file=sys.stderr)
