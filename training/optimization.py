"""Optimizers, learning rates and what they do when workers come and go."""

import tensorflow as tf
import tf_keras

from tfp_cinc.internal.choices import nearest_name
from training.errors import UserError
from training.muon import Muon, network_kernels

__all__ = [
  'batch_rule',
  'build_optimizer',
  'images_at_once',
  'learning_rates',
]

# The ones with a kernel for each variable: the newer Adam builds its update out
# of some 35 operations, which takes longer to trace than the whole flow.
_OPTIMIZERS = {
  'adam': tf_keras.optimizers.legacy.Adam,
  'adamax': tf_keras.optimizers.legacy.Adamax,
}


def build_optimizer(
  config,
  module: tf.Module,
  steps_per_epoch: float | None = None,
  factor: float = 1.0,
) -> tf_keras.optimizers.legacy.Optimizer:
  """The optimizer `config.optimizer`, its slots created.

  Args:
    config: the `train` part of a configuration.
    module: whose trainable variables it will train.
    steps_per_epoch: see `learning_rates`, as `factor`. Both can be changed
      later by `optimizer.learning_rate = learning_rates(...)`, before the
      training step is traced.

  Returns:
    A legacy optimizer of `tf_keras`.

  Raises:
    UserError: if the optimizer or the schedule is unknown, the warm-up is in
      epochs where there are none, or there is nothing for Muon to do.
  """
  name = _choice(config, 'optimizer', (*_OPTIMIZERS, 'muon'))
  rates = learning_rates(config, steps_per_epoch, factor)
  if name == 'muon':
    kernels = network_kernels(module)
    if not kernels:
      raise UserError(
        "config.train.optimizer is 'muon', which is for flows whose networks "
        "are convolutions; this one has none, take 'adam'."
      )
    optimizer = Muon(rates, kernels)
  else:
    optimizer = _OPTIMIZERS[name](rates)
  optimizer._create_all_weights(list(module.trainable_variables))
  return optimizer


def learning_rates(
  config, steps_per_epoch: float | None = None, factor: float = 1.0
) -> tf_keras.optimizers.schedules.LearningRateSchedule:
  """The learning rate by step: a linear warm-up, then constant or a cosine.

  The warm-up takes `config.warmup_epochs` epochs, or where that is 0
  `config.warmup_steps` steps.

  Args:
    config: the `train` part of a configuration.
    steps_per_epoch: training examples by images of a step, which need not be
      whole; None where the data set has no epochs.
    factor: of all rates, see `batch_rule`.

  Returns:
    `tf_keras.optimizers.schedules.LearningRateSchedule`.

  Raises:
    UserError: if the schedule is unknown, or the warm-up is in epochs and there
      are none.
  """
  rate = config.learning_rate * factor
  warmup = config.warmup_steps
  if config.warmup_epochs:
    if steps_per_epoch is None:
      raise UserError(
        f'config.train.warmup_epochs is {config.warmup_epochs:g}, but the data '
        'set has no epochs: its training examples are drawn without end; set '
        'it to 0 and give config.train.warmup_steps.'
      )
    warmup = round(config.warmup_epochs * steps_per_epoch)
  schedules = tf_keras.optimizers.schedules
  name = _choice(config, 'schedule', ('constant', 'cosine'))
  if name == 'cosine':
    return schedules.CosineDecay(
      initial_learning_rate=rate / max(1, warmup),
      warmup_target=rate,
      warmup_steps=warmup,
      decay_steps=max(1, config.num_steps - warmup),
      alpha=0.01,
    )
  # From rate / warmup at the first step to rate, and then no further.
  return schedules.PolynomialDecay(
    initial_learning_rate=rate / max(1, warmup),
    decay_steps=max(1, warmup - 1),
    end_learning_rate=rate,
  )


def batch_rule(
  config, size: int, first_size: int
) -> tuple[tuple[int, ...], float]:
  """What each of the workers takes of a step, and what becomes of the rate.

  By `config.scale_rule`:

  * 'global': `config.batch_size` is a step's images over all workers, however
    many there are. Their shares differ by one where it is not divisible; the
    learning rate stays.
  * 'per_worker': `config.batch_size` is each worker's images of a step. A step
    of all has `size * config.batch_size`, and the learning rate, which is meant
    for the workers that the run started with, grows linearly with it.

  Args:
    config: the `train` part of a configuration.
    size: the number of workers.
    first_size: the number of workers that the run started with.

  Returns:
    (The images of a step of worker 0, 1, ..., whose sum is the global batch;
    the factor of the learning rate.)

  Raises:
    UserError: if the rule is unknown, or a worker would have no image.
  """
  rule = _choice(config, 'scale_rule', ('global', 'per_worker'))
  if rule == 'per_worker':
    return (config.batch_size,) * size, size / first_size
  if config.batch_size < size:
    raise UserError(
      f'config.train.batch_size is {config.batch_size}, less than one image '
      f'for each of {size} workers; take a larger one, or fewer workers.'
    )
  share, rest = divmod(config.batch_size, size)
  return tuple(share + (rank < rest) for rank in range(size)), 1.0


def images_at_once(config, size: int) -> int:
  """How many images a worker has go through the flow at once.

  Args:
    config: the `train` part of a configuration.
    size: the number of workers.

  Returns:
    Its largest share of a step, or of the parts that it accumulates.

  Raises:
    UserError: as `batch_rule`.
  """
  shares, _ = batch_rule(config, size, size)
  return -(-shares[0] // config.accumulate)


def _choice(config, key, choices):
  """The value of a key, which must be one of the choices."""
  value = config[key]
  if value not in choices:
    raise UserError(
      f'config.train.{key} is {value!r}; it must be '
      f'{" or ".join(map(repr, choices))}{nearest_name(value, choices)}.'
    )
  return value
