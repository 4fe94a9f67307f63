"""The weights of a run in one file, for `tfp_cinc.models.load`."""

import pathlib

import tfp_cinc

from ..data.facts import DataFacts
from ..errors import UserError
from ..loop.model import saved_arguments
from .from_run import RestoredRun

__all__ = ['write_weights']


def write_weights(
  run: RestoredRun,
  path: pathlib.Path,
  data: DataFacts,
  metrics: dict | None,
) -> None:
  """Writes the averaged weights of a run.

  Args:
    run: The run.
    path: Path of the file, ending in .npz.
    data: Facts of the data set.
    metrics: The content of metrics.json; None if these weights have not been
      evaluated.

  Raises:
    UserError: If the file cannot be written.
  """
  model, config = run.model, run.config
  arguments = saved_arguments(config, model.condition)
  noise_arguments = {'hidden_channels': config.train.noise_channels}
  if model.condition is not None:
    noise_arguments['condition_channels'] = model.condition.channels
  exact = tfp_cinc.with_network_dtype(model.flow, None)
  try:
    tfp_cinc.models.save(
      path,
      tfp_cinc.with_memory(exact, 'store'),
      config.flow.name,
      arguments,
      num_bits=config.data.num_bits,
      noise=model.noise,
      noise_arguments=noise_arguments,
      facts={
        'data': data.name,
        'data_license': data.license or None,
        'facts': data.to_json(),
        'condition': (
          None if model.condition is None else model.condition.input.to_json()
        ),
        'noise_scale': model.noise_scale,
        'step': run.step,
        'metrics': metrics,
      },
    )
  except OSError as error:
    raise UserError(
      f'{path} cannot be written: {error.strerror or error}.'
    ) from None
