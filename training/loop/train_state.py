"""What a checkpoint holds: weights, optimizer, and the position of a run."""

import tensorflow as tf
import tf_keras

from .model import Model
from .optimization.optimizer import build_optimizer

__all__ = ['TrainState']


class TrainState:
  """The model, its optimizer, and counters.

  Attributes:
    model: `Model`.
    optimizer: The optimizer with its slot variables.
    step: int64 Variable, number of completed steps.
    examples: int64 Variable, position in the data: number of images used.
    skipped: int64 Variable, number of steps that were not finite.
    seconds: float64 Variable, training time so far.
    first_size: int64 Variable, number of workers that the run started with.
  """

  def __init__(
    self,
    config,
    model: Model,
    learning_rate: tf_keras.optimizers.schedules.LearningRateSchedule,
    num_workers: int,
  ):
    """Creates the optimizer and the counters.

    Args:
      config: The whole configuration.
      model: The model to train.
      learning_rate: Learning rate by step.
      num_workers: Number of workers.

    Raises:
      UserError: If the optimizer does not fit the model.
    """
    self.model = model
    self.optimizer = build_optimizer(config.train, model.density, learning_rate)
    self.step, self.examples, self.skipped = _count(0), _count(0), _count(0)
    self.first_size = _count(num_workers)
    self.seconds = tf.Variable(0.0, trainable=False, dtype=tf.float64)
    self._seed = _count(config.seed)

  @property
  def variables(self) -> list[tf.Variable]:
    """All Variables that the workers share."""
    return [
      *self.model.density.variables,
      *self.optimizer.variables(),
      *self.model.average.variables,
      self.step,
      self.examples,
      self.skipped,
      self.seconds,
      self.first_size,
    ]

  @property
  def objects(self) -> dict[str, tf.Module | tf.Variable]:
    """The objects of a checkpoint, by name."""
    return {
      **self.model.objects,
      'optimizer': self.optimizer,
      'step': self.step,
      'examples': self.examples,
      'skipped': self.skipped,
      'seconds': self.seconds,
      'first_size': self.first_size,
      'seed': self._seed,
    }

  def complete_step(self, num_images: int, skipped: bool) -> int:
    """Counts a completed step.

    Args:
      num_images: Images of the step, over all workers.
      skipped: Whether the step was not finite.

    Returns:
      The number of completed steps.
    """
    self.step.assign_add(1)
    self.examples.assign_add(num_images)
    if skipped:
      self.skipped.assign_add(1)
    return int(self.step)


def _count(value):
  return tf.Variable(value, trainable=False, dtype=tf.int64)
