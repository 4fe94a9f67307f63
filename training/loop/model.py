"""What a configuration trains: a flow, its noise and the average of both."""

import dataclasses
import inspect

import tensorflow as tf

import tfp_cinc
from tfp_cinc import variational_dequantization

from ..data.condition import Condition
from ..data.noise import gaussian_noise_scale
from ..errors import UserError, did_you_mean
from .flow_with_noise import FlowWithNoise
from .optimization.averaging import WeightAverage

__all__ = ['Model', 'build_flow', 'build_model', 'saved_arguments']


@dataclasses.dataclass(frozen=True)
class Model:
  """The weights of a run, in the forms in which they are used.

  Attributes:
    flow: The distribution over images.
    density: What is trained and evaluated: the flow, or a `FlowWithNoise`.
    average: `WeightAverage` of the trainable weights of the density.
    condition: `Condition` of the flow; None if it takes none.
    noise_scale: Standard deviation of the Gaussian noise of the training
      images, which is removed from samples; 0 for other noise.
  """

  flow: tf.Module
  density: tf.Module
  average: WeightAverage
  condition: Condition | None = None
  noise_scale: float = 0.0

  @property
  def noise(self):
    """The learned `VariationalDequantization`, or None."""
    return None if self.density is self.flow else self.density.noise

  @property
  def objects(self) -> dict[str, tf.Module]:
    """The objects of a checkpoint, by name."""
    found = {'flow': self.flow, 'noise': self.noise, 'average': self.average}
    return {name: value for name, value in found.items() if value is not None}


def build_model(
  config, image_shape, condition: Condition | None = None
) -> Model:
  """Builds the model of a configuration, with initial weights.

  Args:
    config: The whole configuration.
    image_shape: [H, W, C].
    condition: Condition of the flow, see `find_condition`.

  Returns:
    `Model`. The flow has not been initialized from data.

  Raises:
    UserError: If an argument of the flow is unknown or invalid.
  """
  tf.random.set_seed(config.seed)
  flow = build_flow(config, image_shape, condition)
  density = _build_density(config, flow, condition)
  average = WeightAverage(
    list(density.trainable_variables), config.train.ema_decay
  )
  return Model(flow, density, average, condition, gaussian_noise_scale(config))


def build_flow(config, image_shape, condition: Condition | None = None):
  """Builds the flow of a configuration.

  Args:
    config: The whole configuration.
    image_shape: [H, W, C].
    condition: Condition of the flow, see `find_condition`.

  Returns:
    `tfd.TransformedDistribution` over images, not initialized from data.

  Raises:
    UserError: If an argument is unknown or invalid.
  """
  name, arguments = config.flow.name, _flow_arguments(config, condition)
  models = tfp_cinc.models.MODELS
  if name not in models:
    raise UserError(
      f'config.flow.name is {name!r}; it must be one of {sorted(models)}'
      f'{did_you_mean(name, models)}.'
    )
  build = models[name]
  parameters = inspect.signature(build).parameters
  if condition is not None and 'condition_channels' not in parameters:
    raise UserError(
      f'config.flow.condition is {config.flow.condition!r}, but the flow '
      f'{name!r} takes no condition.'
    )
  unknown = set(arguments) - set(parameters)
  if unknown:
    raise UserError(
      f'config.flow has {sorted(unknown)}, which the flow {name!r} does not '
      'take.'
    )
  try:
    return build(image_shape, seed=config.seed, **arguments)
  except (TypeError, ValueError) as error:
    raise UserError(f'config.flow: {error}') from None


def saved_arguments(config, condition: Condition | None = None) -> dict:
  """Returns the arguments of the flow's function that its weights depend on.

  A flow that is loaded with weights computes in float32 and stores all
  activations, so `memory` and `network_dtype` are left out.

  Args:
    config: The whole configuration.
    condition: Condition of the flow, see `find_condition`.

  Returns:
    The arguments by name.
  """
  arguments = _flow_arguments(config, condition)
  for key in ('memory', 'network_dtype'):
    arguments.pop(key, None)
  return arguments


def _flow_arguments(config, condition):
  """Returns all arguments of the function that builds the flow, by name."""
  arguments = {
    key: value
    for key, value in config.flow.to_dict().items()
    if value is not None and key not in ('name', 'condition')
  }
  if condition is not None:
    arguments['condition_channels'] = condition.channels
  return arguments


def _build_density(config, flow, condition):
  """Returns the flow, or a `FlowWithNoise` if the noise is learned."""
  train = config.train
  if train.dequantization != 'variational':
    return flow
  noise = variational_dequantization.trainable_variational_dequantization(
    flow.event_shape,
    hidden_channels=train.noise_channels,
    condition_channels=0 if condition is None else condition.channels,
    seed=config.seed,
    dtype=flow.dtype,
    network_dtype=config.flow.get('network_dtype'),
    name='noise',
  )
  return FlowWithNoise(flow, noise, config.data.num_bits)
