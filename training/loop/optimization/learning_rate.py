"""Learning rates, and the images that each worker takes of a step."""

from collections.abc import Callable

import tensorflow as tf
import tf_keras

from ...errors import UserError

__all__ = [
  'CurrentSchedule',
  'batch_rule',
  'images_at_once',
  'learning_rate_schedule',
]

_schedules = tf_keras.optimizers.schedules


class CurrentSchedule(_schedules.LearningRateSchedule):
  """The schedule that a function returns when a training step is traced.

  The optimizer of a run is built once, but the number of workers, and with it
  the learning rate, may change in an elastic run.
  """

  def __init__(self, build: Callable[[], _schedules.LearningRateSchedule]):
    """Captures the function that returns the schedule."""
    self._build = build

  def __call__(self, step):
    """Returns the learning rate of a step."""
    with tf.init_scope():  # the function may read Variables
      schedule = self._build()
    return schedule(step)

  def get_config(self):
    """Refuses: a function cannot be serialized."""
    raise NotImplementedError('CurrentSchedule has no configuration.')


def learning_rate_schedule(
  config, steps_per_epoch: float | None = None, factor: float = 1.0
) -> _schedules.LearningRateSchedule:
  """Returns a linear warm-up, then a constant rate or a cosine decay.

  The warm-up takes `config.warmup_epochs` epochs, or `config.warmup_steps`
  steps if `warmup_epochs` is 0.

  Args:
    config: The `train` section of a configuration.
    steps_per_epoch: Training examples divided by the images of a step, not
      necessarily a whole number. None if the data set has no epochs.
    factor: Factor of all rates, see `batch_rule`.

  Returns:
    `tf_keras.optimizers.schedules.LearningRateSchedule`.

  Raises:
    UserError: If the warm-up is in epochs and there are none.
  """
  rate = config.learning_rate * factor
  warmup = config.warmup_steps
  if config.warmup_epochs:
    if steps_per_epoch is None:
      raise UserError(
        f'config.train.warmup_epochs is {config.warmup_epochs:g}, but the data '
        'set has no epochs, because its training examples are drawn without '
        'end; set it to 0 and use config.train.warmup_steps.'
      )
    warmup = round(config.warmup_epochs * steps_per_epoch)
  if config.schedule == 'cosine':
    return _schedules.CosineDecay(
      initial_learning_rate=rate / max(1, warmup),
      warmup_target=rate,
      warmup_steps=warmup,
      decay_steps=max(1, config.num_steps - warmup),
      alpha=0.01,
    )
  # From rate / warmup at the first step to rate, then constant.
  return _schedules.PolynomialDecay(
    initial_learning_rate=rate / max(1, warmup),
    decay_steps=max(1, warmup - 1),
    end_learning_rate=rate,
  )


def batch_rule(
  config, size: int, first_size: int
) -> tuple[tuple[int, ...], float]:
  """Returns the images of each worker, and the factor of the learning rate.

  `config.scale_rule` is one of:

  * 'global': `config.batch_size` is the number of images of a step over all
    workers, whatever their number. The shares of the workers differ by at most
    one. The learning rate does not change.
  * 'per_worker': `config.batch_size` is the number of images of each worker. A
    step has `size * config.batch_size` images. The learning rate is that of
    the number of workers that the run started with, and grows linearly with
    the number of workers.

  Args:
    config: The `train` section of a configuration.
    size: Number of workers.
    first_size: Number of workers that the run started with.

  Returns:
    (Images per step of worker 0, 1, ..., whose sum is the global batch; factor
    of the learning rate.)

  Raises:
    UserError: If a worker would have no image.
  """
  if config.scale_rule == 'per_worker':
    return (config.batch_size,) * size, size / first_size
  if config.batch_size < size:
    raise UserError(
      f'config.train.batch_size is {config.batch_size}, less than one image '
      f'for each of {size} workers; use a larger batch or fewer workers.'
    )
  share, rest = divmod(config.batch_size, size)
  return tuple(share + (rank < rest) for rank in range(size)), 1.0


def images_at_once(config, size: int) -> int:
  """Returns how many images of one worker go through the flow together.

  Args:
    config: The `train` section of a configuration.
    size: Number of workers.

  Returns:
    The largest share of a worker, divided by the gradient accumulation steps.

  Raises:
    UserError: As `batch_rule`.
  """
  shares, _ = batch_rule(config, size, size)
  return -(-shares[0] // config.accumulate)
